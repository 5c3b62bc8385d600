"""The checker's own statement of the rules, compared with the log in memory by drawn drafts."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from store.test_log_contract import new_log, whole_feed
from store.test_rooms_contract import USERS, VALUES, Step, begun, good, in_memory

from chatnet.cursor import is_of
from chatnet.entries import Draft
from chatnet.errors import Refusal
from chatnet.form import check_form
from chatnet.reads import Head
from chatnet.testing.standing import Doing, Standing

__all__ = ["new_log"]

OF_ACCOUNTS = ("register", "secret", "session", "revoke", "code", "disable", "enable")
"""The kinds of who comes in: the checker has rules of its own for what they must not do."""
DRAFTS = 350
"""How many drafts are drawn: fewer than one user may make rooms in a day."""


@pytest.mark.parametrize("seed", range(8))
def test_both_judge_alike(new_disk: Callable[[], Any], seed: int) -> None:
    """What one refuses the other refuses, by the same code; both say who hears what is taken."""
    subject, chance, standing = in_memory(new_disk()), random.Random(seed), Standing()
    begun(subject)
    log: Any = subject.log
    texts: dict[int, str] = {}
    taken: set[str] = set()

    def follow() -> None:
        for entry in log.entries[standing.seq :]:
            standing.take(entry, texts.get(entry.seq, entry.text))

    follow()
    for turn in range(DRAFTS):
        step = Step(*(chance.choice(values) for values in VALUES.values()))
        if step.kind in OF_ACCOUNTS:
            continue
        back = max(0, standing.seq - step.ref) if step.ref > 4 else step.ref
        step = step._replace(
            user=chance.choice(USERS), number=100 * (turn + 100) + step.number % 4, until=0, ref=back, by=0
        )
        for draft in filter(_is_well_formed, good([_without_answers(step, subject)])):
            expected = standing.refusal(_doing(draft, subject))
            (outcome,) = subject.append(draft)
            told = None if isinstance(outcome, int) else outcome[1].split("'")[1]
            assert told == expected, draft
            if told is None:
                taken.add(draft.kind)
                texts[subject.read(Head())] = draft.text
                follow()
    assert len(taken) > 5
    for user in USERS:
        heard = [entry.seq for entry in whole_feed(subject, user, 0, standing.seq)]
        assert heard == [seq for seq in sorted(standing.places) if standing.hears(user, seq)]


def _is_well_formed(draft: Draft) -> bool:
    """Return whether any log could take it: what the others are refused with is no matter of the log."""
    try:
        check_form(draft)
    except Refusal:
        return False
    return True


def _without_answers(step: Step, subject: Any) -> Draft:
    """Return the draft; a post answers none, since simulated users do not do that, and bans are of rooms."""
    is_free = step.kind in ("post", "ban", "mute")
    draft: Draft = step._replace(ref=0 if is_free else step.ref).draft(subject)
    return draft


def _doing(draft: Draft, subject: Any) -> Doing:
    ref, entries = draft.ref, subject.log.entries
    fits = ref is not None and 0 < ref.seq <= len(entries)
    if ref is not None and fits:
        fits = is_of(ref.check, subject.log.log_id, entries[ref.seq - 1])
    to = "" if draft.more is None else draft.more.to
    return Doing(draft.kind, draft.user, draft.room, draft.text, to, 0 if ref is None else ref.seq, fits)
