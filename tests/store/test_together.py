"""Posts that PostgreSQL appends together, and drafts that it judges apart from them: one of these in a batch
does not make the others dearer, and all logs answer a batch alike."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from msgspec import structs
from store.test_log_contract import Subject, key, new_log, on_postgres, on_sqlite, registered, said
from store.test_rooms_contract import Told, free, in_memory

from chatnet.entries import Draft, Entry, More
from chatnet.errors import Muted, NoSuchUser
from chatnet.kinds import CLUSTER
from chatnet.log import Refused
from chatnet.reads import Head, Newest, UnreadOf
from chatnet.store.postgres.append import functions
from chatnet.store.postgres.real import PostgresDatabase, PostgresDatabases, _columns
from rigs.postgres import Server

__all__ = ["new_log"]

USERS = [f"u{number:02}" for number in range(16)]
UNTIL = (0, 0, 0, 1)
"""Until when an order holds: for ever, or no more."""


def post(user: str, number: int, room: str = "", text: str = "hi", **more: Any) -> Draft:
    return Draft("post", user, room or user, text, key(number), 0, More(**more) if more else None)


def order(kind: Any, user: str, number: int, to: str = "", room: str | None = None, **more: Any) -> Draft:
    """Return a draft of another kind, by default in the author's own room."""
    its_more = More(to=to, **more) if to or more else None
    text = {"revoke": "0", "create": "joined", "policy": "invite members"}.get(kind, "")
    return Draft(kind, user, user if room is None else room, text, key(number), 0, its_more)


# ---- what goes apart ----

BEGINNING = [
    *(Draft("register", user, user, "sha256:1", key(1)) for user in ("alice", "bob", "carol", "dora", "eve")),
    *(order("join", user, 2, room="#x") for user in ("alice", "bob", "carol")),
    order("create", "eve", 3, room="&ops"),
    *(order("invite", "eve", 4 + n, to, "&ops") for n, to in enumerate(("alice", "bob"))),
    *(order("join", user, 4, room="&ops") for user in ("alice", "bob")),
    *(post("alice", 5, "alice=eve"), post("bob", 5, "bob=eve"), post("bob", 6, "bob=dora")),
    post("bob", 7, "bob=carol"),
    # What somebody hostile can do about others, and what moderators do.
    *(order("block", "eve", 10 + n, to) for n, to in enumerate(("alice", "bob", "carol"))),
    order("mute", "eve", 14, "bob", "&ops"),
    order("mute", CLUSTER, 15, "carol", "#x"),
    order("ban", CLUSTER, 16, "alice", "#spam"),
    order("mute", CLUSTER, 17, "bob", ""),
    order("unban", CLUSTER, 18, "bob", ""),
    order("forget", "dora", 19, "dora"),
]


@pytest.fixture
def database(postgres: Server) -> Iterator[PostgresDatabase]:
    """Yield a database in which some block and are muted."""
    with closing(PostgresDatabases().connect(postgres.fresh())) as database:
        database.open("id")
        outcomes, _ = database.append(BEGINNING, 1)
        assert outcomes == list(range(1, len(BEGINNING) + 1))
        yield database


def apart(database: PostgresDatabase, *drafts: Draft) -> list[int]:
    """Return the numbers of the drafts that are judged each by itself, from 0 on."""
    columns = _columns(list(drafts), lambda seq: None)
    (name,) = re.findall(r"FUNCTION (chatnet_apart\w+)", functions(database._level).statements)
    (found,) = database._one(
        f"SELECT {name}(%b::text[], %b::text[], %b::text[], %b::text[], %b::bytea[], %b::bigint[],"
        " %b::bigint[], %b::text[], %b::bytea[], %b::text[], %b::integer[], %b::text[], %b::integer[],"
        " %b::text[], 2)",
        (*columns[:10], *columns[-4:]),
    )
    return [number - 1 for number in found]


def test_only_what_an_order_matters_for_is_judged_apart(database: PostgresDatabase) -> None:
    """Who blocks, mutes or bans a thousand users does not make their posts dearer: only those to whom or of
    whom the order speaks."""
    alike = [
        post("alice", 100),
        post("bob", 101, text="hi @carol, @dora and @zoe"),
        post("alice", 102, "#x"),
        post("alice", 103, "&ops", "what of @bob?"),
        post("carol", 104, text="see #y"),
        post("bob", 105, "#x", "see #spam"),
    ]
    made = [post("eve", 106, text="#y #x #spam")]
    assert database.append(made, 2)[0] != []
    assert apart(database, *alike) == []
    concerned = [
        post("alice", 110, text="hi @eve"),
        post("alice", 111, "#x", "hi @eve"),
        post("alice", 118, "&ops", "what of @eve?"),
        post("alice", 112, text="see #spam"),
        post("bob", 113, "&ops"),
        post("carol", 114, "#x"),
        post("carol", 115, text="see #x"),
        post("alice", 116, "alice=eve"),
        post("bob", 117, "bob=dora"),
        structs.replace(post("alice", 119), meant=1),
    ]
    assert apart(database, *concerned) == [*range(len(concerned))]
    mixed = [one for two in zip(alike, concerned, strict=False) for one in two]
    assert apart(database, *mixed) == [*range(1, 2 * len(alike), 2)]


def test_one_of_another_kind_is_judged_apart_alone(database: PostgresDatabase) -> None:
    """And what its author and whom it is for say behind it; not what others say, or they before it."""
    for other in (
        order("join", "bob", 200, room="#y"),
        order("leave", "bob", 201, room="#x"),
        order("block", "bob", 202, "carol"),
        order("revoke", "bob", 203, "carol"),
        order("policy", "bob", 204, room="#x"),
        post("bob", 205, form="action"),
        post("bob", 206, text="#new"),
        post("bob", 5, "bob=eve"),  # it has been answered
    ):
        before = [post(user, 300, "") for user in ("alice", "bob", "carol")]
        behind = [post(user, 301, "") for user in ("alice", "bob", "carol")]
        affected = [] if other.kind == "post" else [5] if not other.to else [5, 6]
        assert apart(database, *before, other, *behind) == [3, *affected], other


def test_who_is_forgotten_is_written_to_no_more(database: PostgresDatabase) -> None:
    """Not in a conversation that had begun either, and not by what stands behind it in the same batch."""
    talk = [post(user, 420, "bob=carol") for user in ("bob", "carol")]
    drafts = [
        talk[0],
        order("forget", "carol", 421, "carol"),
        post("bob", 422),
        post("bob", 423, "bob=carol"),
    ]
    assert apart(database, *drafts) == [1, 3]
    outcomes, _ = database.append([*drafts, talk[1]], 2)
    assert [isinstance(outcome, int) for outcome in outcomes] == [True, True, True, False, False]
    outcomes, _ = database.append([post("bob", 424, "bob=carol")], 2)
    assert outcomes == [Refused.of(NoSuchUser.of(name="carol"))]


def test_a_policy_of_the_cluster_is_about_all_conversations_behind_it(database: PostgresDatabase) -> None:
    """It may be the one that forbids them."""
    drafts = [
        post("eve", 400, "alice=eve"),
        Draft("policy", CLUSTER, "", "direct off", key(401)),
        post("eve", 402),
        post("eve", 403, "alice=eve"),
    ]
    assert apart(database, *drafts) == [1, 3]
    outcomes, _ = database.append(drafts, 2)
    assert [isinstance(outcome, int) for outcome in outcomes] == [True, True, True, False]


# ---- all logs answer alike ----

LOGS = (in_memory, on_sqlite, on_postgres)
OTHERS = (
    *(("block", 4), ("unblock", 2), ("mute", 3), ("ban", 1), ("unban", 2), ("leave", 3), ("join", 6)),
    *(("redact", 4), ("answer", 4), ("forget", 0.5), ("policy", 1)),
)


@pytest.mark.parametrize("make", LOGS)
def test_a_refused_post_is_refused_again_among_others(
    new_disk: Callable[[], Any], make: Callable[[Any], Subject]
) -> None:
    """Once its author may say something again, it would be accepted if it were new."""
    subject = make(new_disk())
    registered(subject, "alice", "bob")
    mute, unban = (order(kind, CLUSTER, 500 + n, "alice", "") for n, kind in enumerate(("mute", "unban")))
    again, others = post("alice", 502), [post("bob", 503), post("bob", 504)]
    assert subject.append(mute, again, unban) == [3, said(Muted.of()), 4]
    assert subject.append(others[0], again, others[1]) == [5, said(Muted.of()), 6]


def planned(subject: Subject, chance: random.Random) -> list[list[Told]]:
    """Return batches: of ten drafts nine are posts, some come again, and some refer to the same batch."""
    begun(subject)
    log: Any = subject.log
    batches: list[list[Told]] = []
    for turn in range(16):
        batch: list[Told] = []
        for number in range(60):
            its_key = key(1_000 + 100 * turn + number)
            if batch and chance.random() < 0.03:
                batch.append(chance.choice(batch))
            elif chance.random() < 0.9:
                batch.append(Told(drawn_post(chance, its_key)))
            else:
                batch.append(drawn_other(chance, its_key, log.entries[-20:]))
            subject.append(batch[-1].of(subject))
        batches.append(batch)
    return batches


def begun(subject: Subject) -> None:
    registered(subject, *USERS)
    joins = [
        order("join", user, number, room=room) for user in USERS for number, room in ((1, "#x"), (2, "#y"))
    ]
    assert all(isinstance(outcome, int) for outcome in subject.append(*joins))


def drawn_post(chance: random.Random, its_key: bytes) -> Draft:
    user, to = chance.sample(USERS, 2)
    room = chance.choices((user, "#x", "#y", "=".join(sorted((user, to)))), (4, 2, 2, 2))[0]
    text = chance.choice(
        (f"hi @{to}", f"hi @{to}", "see #x", "see #y @u01", "hi", f"#z{chance.randrange(40)}")
    )
    return Draft("post", user, room, text, its_key)


def drawn_other(chance: random.Random, its_key: bytes, newest: list[Entry]) -> Told:
    """Return a draft that is no plain post."""
    (kind,) = chance.choices(*zip(*OTHERS, strict=True))
    user, to = chance.sample(USERS, 2)
    room = chance.choice(("#x", "#y"))
    for_one = More(to=to, until=chance.choice(UNTIL) if kind in ("mute", "ban") else 0)
    match kind:
        case "redact" | "answer":
            target = chance.choice(newest)
            text = "yes" if kind == "answer" else ""
            author = user if kind == "answer" else target.user
            draft = Draft("post" if text else "redact", author, author, text, its_key)
            return Told(draft, target.seq, target.user, target.key)
        case "mute" | "ban" | "unban":
            return Told(Draft(kind, CLUSTER, chance.choice(("", room)), "", its_key, 0, for_one))
        case "forget":
            return Told(Draft(kind, CLUSTER, "", "", its_key, 0, for_one))
        case "policy":
            return Told(Draft(kind, CLUSTER, "", chance.choice(("direct off", "direct all")), its_key))
        case "block" | "unblock":
            return Told(Draft(kind, user, user, "", its_key, 0, for_one))
    return Told(Draft(kind, user, room, "", its_key))


def answered(subject: Subject, batches: list[list[Told]]) -> list[Any]:
    """Return what is answered to the batches, each sent twice, and all that is in the log and can be read."""
    begun(subject)
    found: list[Any] = []
    for batch in batches:
        drafts = [told.of(subject) for told in batch]
        found += [*subject.append(*drafts), *subject.append(*drafts)]
    free(subject)
    head = subject.read(Head())
    found += [
        (one.seq, one.kind, one.user, one.room, one.text, one.at) for one in subject.log.window.after(0)
    ]
    for user in USERS:
        found.append([entry.seq for entry in subject.read(Newest(user, head))])
        found.append(subject.read(UnreadOf(user, head, "")).rooms)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_all_logs_answer_a_batch_alike(new_disk: Callable[[], Any], seed: int) -> None:
    """Whatever is between the posts in it, and whatever that changes for those behind it."""
    batches = planned(in_memory(new_disk()), random.Random(seed))
    first, *others = (answered(make(new_disk()), batches) for make in LOGS)
    for other in others:
        assert other == first
    refused = {
        outcome[1].split("'")[1] for outcome in first if isinstance(outcome, tuple) and outcome[0] == 0
    }
    assert refused >= {"DIRECT_OFF", "NOT_JOINED"}
