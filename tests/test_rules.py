"""The checker's own rule for where a post is heard, compared with the product's."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from chatnet.entries import places
from chatnet.errors import BadText
from chatnet.form import check_text
from chatnet.testing.rules import HIDDEN, heard_at
from simulator.workload import TOPICS, plan, spelled

spellings = st.builds(
    lambda seed, topic: spelled(random.Random(seed), topic), st.integers(), st.sampled_from(TOPICS)
)
parts = st.sampled_from([*"#@-_. a9é\n\u0301", *HIDDEN, "@bob", "@Alice", "हिन्दी"]) | spellings


@given(st.lists(parts, max_size=12).map("".join), st.sampled_from(["alice", "#go", "&ops", "alice=bob"]))
def test_both_say_the_same(text: str, room: str) -> None:
    """This holds for all that simulated users write, and for more."""
    assert heard_at("alice", room, text) == places("alice", room, text)


@given(st.integers(0, 10_000))
def test_what_simulated_users_write_is_heard_where_both_say(seed: int) -> None:
    """Everything that can be posted is compared."""
    steps = plan(random.Random(seed), ["alice", "bob", "bob+"], 60, 0.0, 10.0)
    texts = [step.arguments[0] for step in steps if step.does == "post"]
    assert len(texts) == 60
    for text in texts:
        try:
            check_text(text)
        except BadText:
            continue
        for room in ("alice", "#go", "&ops", "alice=bob"):
            assert heard_at("alice", room, text) == places("alice", room, text)


def test_a_topic_has_one_place_however_it_is_spelled() -> None:
    """Each topic of the workload has one."""
    for topic in TOPICS:
        chance = random.Random(1)
        assert len({heard_at("alice", "alice", spelled(chance, topic)) for _ in range(50)}) == 1
