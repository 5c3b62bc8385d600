"""Rooms, orders and what is taken back: all logs judge drawn drafts alike, and answer alike about them.

The log in memory has the rules over :mod:`chatnet.facts`, the others have them in SQL; and ``chatnet
check`` finds nothing in any store.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from store.test_log_contract import (
    Subject,
    key,
    new_log,
    on_postgres,
    on_sqlite,
    registered,
    said,
    told,
    whole_feed,
)

from chatnet.codes import code_text, recovery_text
from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry, More, Ref
from chatnet.errors import Muted, NoSuchRoom, TheyAreBanned, TooManyToday
from chatnet.kinds import CLUSTER
from chatnet.reads import (
    AccountOf,
    AllUsers,
    BansOf,
    CodeOf,
    CursorAt,
    DevicesOf,
    FirstIn,
    Head,
    History,
    HistoryAfter,
    InvitationsOf,
    LedBy,
    Members,
    Newest,
    PersonOf,
    PoliciesIn,
    ReportedPost,
    RoomFacts,
    RoomOf,
    Rooms,
    SnapshotOf,
    SpeakerIn,
    Talks,
    UnreadOf,
)
from chatnet.rules import CASES, FOR_EVER
from chatnet.testing.memory_log import MemoryLog

__all__ = ["new_log"]

USERS = ["alice", "bob", "carol"]
ROOMS = ["#x", "&ops", "&den", "alice=bob", "bob=carol", "alice"]


def in_memory(disk: Any) -> Subject:
    """The log in memory, at the time of the others."""
    return Subject(MemoryLog(clock=disk.reactor.seconds), lambda: None)


LOGS = (in_memory, on_sqlite, on_postgres)


class Step(NamedTuple):
    """A draft. ``ref``: it refers to the entry at that seq, with its check; if negative, with a wrong one."""

    kind: str
    user: str
    room: str
    to: str
    text: str
    number: int
    ref: int
    until: int
    by: int

    def draft(self, subject: Subject) -> Draft:
        """Return the draft for this log: a check is of one log alone."""
        room, text, more = self.user, "", None
        ref = None
        if self.ref:
            found = subject.read(CursorAt(abs(self.ref)))
            check = found.check if found is not None and self.ref > 0 else b"w" * 8
            ref = Ref(abs(self.ref), check)
        match self.kind:
            case "post":
                room, text = self.room, f"{self.text} {self.number}"
                more = None if ref is None else More(ref=ref)
            case "redact" | "report":
                text, more = self.text, More(ref=ref or Ref(1, b"w" * 8))
                if self.kind == "redact" and self.until > 1:
                    room, text = CLUSTER, ""
            case "create":
                room, text = self.room, "all" if self.until else "joined"
            case "join" | "leave":
                room = self.room
            case "describe":
                room, text = self.room, self.text
            case "policy":
                room = "" if self.until else self.room
                text = POLICIES[self.number % len(POLICIES)]
                if room:
                    text = "invite moderators" if self.number % 3 else "invite members"
            case "role":
                room = "" if self.until else self.room
                text = ("none", "moderator", "owner", "admin")[self.number % 4]
                more = More(to=self.to)
            case "block" | "unblock":
                more = More(to=self.to)
            case "forget":
                more = More(to=self.to if self.ref else self.user)
            case "purge":
                room, text = "" if self.ref == 19 else self.room, self.text
                more = More(to=self.to, ref=ref if self.until > 1 else None)
                if more.ref is not None:
                    return Draft(self.kind, CLUSTER, room, text, key(500_000 + self.number), 0, more)
            case "expire":
                room, more = "" if self.until else self.room, More(ref=ref or Ref(1, b"w" * 8))
                return Draft(self.kind, CLUSTER, room, "", key(500_000 + self.number), 0, more)
            case "invite":
                room, more = self.room, More(to=self.to)
            case "remove" | "unban":
                room, text, more = self.room, self.text, More(to=self.to)
                if self.kind == "unban" and self.until:
                    room = ""
            case "register" | "secret" | "session":
                code = "" if self.ref else hashed(self.number % 5)
                scope = SCOPES[self.number % 4]
                text = f"sha256:{self.number}" if self.kind != "session" or code else ""
                more = More(device=DEVICES[self.number % 3], label=self.text, scope=scope, code=code)
            case "revoke":
                text, more = str(self.by or 1), More(to=self.to)
                if self.until == 1:
                    room, text = CLUSTER, "0"
            case "code":
                is_own = self.until == 1
                room = self.user if is_own else self.room if self.room[0] == "&" else ""
                until = 0 if is_own else 1 if self.until else 1 << 60
                uses = 1 if is_own else 1 + self.number % 3
                text = code_text(hashed(self.number % 5), uses)
                if is_own and self.number % 2:
                    first = self.number % 4
                    text = recovery_text(map(hashed, (first, *range(first + 5, first + 12))))
                more = More(to=self.user if is_own else "", until=until)
            case "disable" | "enable":
                room, text, more = "", self.text, More(to=self.to)
            case "ban" | "mute":
                room, text = "" if self.ref == 19 else self.room, self.text
                more = More(to=self.to, until=self.until)
        by = self.by if self.number % 7 == 0 and self.kind != "register" else 0
        user = CLUSTER if room == CLUSTER else self.user
        number = self.number + (100_000 if user == CLUSTER else 0)
        return Draft(self.kind, user, room, text, key(number), by, more)


KINDS = (
    *("post",) * 5,
    *(
        "join",
        "leave",
        "create",
        "invite",
        "invite",
        "remove",
        "describe",
        "role",
        "policy",
        "ban",
        "mute",
        "mute",
        "unban",
    ),
    *("block", "unblock", "redact", "redact", "purge", "expire"),
    *("report", "report"),
    *("register", "secret", "session", "session", "revoke", "code", "code", "disable", "enable"),
)
POLICIES = (
    *("direct staff", "direct off", "direct all", "direct all", "invite members"),
    *("signup code", "signup open"),
)
SCOPES: tuple[Any, ...] = ("", "", "post", "read")
DEVICES = ("", "d" * 32, "e" * 32)


def hashed(number: int) -> str:
    """Return what is kept of one of a few codes."""
    return f"{number:064x}"


VALUES: dict[str, Sequence[Any]] = {
    "kind": KINDS,
    "user": [*USERS, *USERS, "carol", "zoe"],
    "room": [*ROOMS, "&ops", "&ops", "#x"],
    "to": [*USERS, "zoe"],
    "text": ["hi", "see #x", "@alice", "@bob and #x", "@carol"],
    "number": range(1, 60),
    "ref": [0, 0, 0, 4, *range(9, 20), -9],
    "until": [0, 0, 1, 1 << 60],
    "by": [1, 2, 3, *range(9, 20)],
}
steps = st.builds(
    Step,
    **{name: st.sampled_from(values) for name, values in (VALUES | {"kind": (*KINDS, "forget")}).items()},
)


def begun(subject: Subject) -> None:
    """Some have a name, there is an admin, and a private room with two in it."""
    registered(subject, *USERS)
    room = "&ops"
    assert subject.append(
        Draft("role", CLUSTER, "", "admin", key(1_001), 0, More(to="carol")),
        Draft("create", "alice", room, "joined", key(1_002)),
        Draft("invite", "alice", room, "", key(1_003), 0, More(to="bob")),
        Draft("join", "bob", room, "", key(1_004)),
        Draft("join", "alice", "#x", "", key(1_005)),
    ) == [4, 5, 6, 7, 8]


def played(subject: Subject, history: list[list[Step]]) -> list[Any]:
    """Return the outcomes of the steps, sent twice, and what everybody can read afterwards, which is the same
    once the store has overwritten what was taken back."""
    begun(subject)
    found: list[Any] = []
    for batch in history:
        found += subject.append(*good(step.draft(subject) for step in batch))
    found += subject.append(*good(step.draft(subject) for batch in history for step in batch))
    before = read_by_all(subject)
    free(subject)
    assert read_by_all(subject) == before
    return found + before


def free(subject: Subject) -> None:
    """Let the store overwrite all that is taken back together."""
    log: Any = subject.log
    if not isinstance(log, MemoryLog):
        while subject.ask(log.free()).blanking is not None:
            pass


def read_by_all(subject: Subject, upto: int | None = None) -> list[Any]:
    """Return what everybody can read, as of the head, or as of ``upto``."""
    found: list[Any] = []
    head = subject.log.window.head if upto is None else upto
    found.append(subject.read(Rooms("", "")))
    found.append(str(subject.read(AllUsers())))
    for user in [*USERS, "zoe"]:
        found.append((user, told(subject.read(Newest(user, head))), texts(subject, user, head)))
        found.append(told(subject.read(Newest(user, head, 12))))
        snapshot = subject.read(SnapshotOf(user, 0, head, None, 1))
        found += [snapshot.barred, snapshot.disabled, str(snapshot.session)]
        found += [told(subject.read(SnapshotOf(user, after, head))) for after in (0, 9, 12)]
        found.append((user, [of[0] for of in subject.read(UnreadOf(user, head, "")).rooms]))
        found += [str(subject.read(AccountOf(user, device))) for device in DEVICES]
        found.append(str(subject.read(DevicesOf(user))))
        found += [subject.read(CodeOf(hashed(number), user)) for number in range(5)]
        found.append(str(subject.read(Talks(user, head))))
        found.append((user, str(subject.read(InvitationsOf(user, head)))))
        found += [(user, str(subject.read(PersonOf(user, about, head)))) for about in ("bob", "zoe")]
        found.append((user, subject.read(LedBy(user, [*ROOMS, "#nothing", "no room"], head))))
        reports = range(9, head + 1) if user in ("alice", "carol") else ()
        found += [(user, seq, told(subject.read(ReportedPost(seq, user, head)))) for seq in reports]
        for room in ["", *ROOMS]:
            try:
                found.append((user, room, subject.read(PoliciesIn(room, user, head))))
            except NoSuchRoom as no:
                found.append((user, room, str(no)))
        if user == "bob":
            found.append(subject.read(FirstIn("#x", head)))
        found += [(user, room, subject.read(SpeakerIn(user, room, head))) for room in ROOMS]
        for room in ROOMS:
            questions: list[Any] = [History(room, None, user, head), Members(room, user, head)]
            if user == "bob":
                questions.append(HistoryAfter(room, 0, user, head, room in ("#x", "alice")))
            if user == "bob" and room in ("#x", "&ops"):
                questions.append(History(room, None, user, head, True))
                questions += [RoomOf(room, user, head, True), BansOf(room, user, head)]
            for question in questions:
                try:
                    found.append((user, room, told(subject.read(question))))
                except NoSuchRoom as no:
                    found.append((user, room, str(no)))
    return found


def texts(subject: Subject, user: str, head: int) -> list[Any]:
    return [(entry.seq, entry.kind, entry.text, entry.at) for entry in whole_feed(subject, user, 0, head)]


def good(drafts: Iterable[Draft]) -> list[Draft]:
    """Return the drafts that a worker may send: others end as poison, and are tested elsewhere."""
    return [draft for draft in drafts if draft.kind != "role" or draft.text in ROLES_OF[bool(draft.room)]]


ROLES_OF = {False: ("none", "moderator", "admin"), True: ("none", "moderator", "owner")}


def test_all_logs_are_of_one_mind_for_each_case(new_disk: Callable[[], Any]) -> None:
    """Long drawn histories, in which each kind is taken, and each case of the rules refuses somebody."""
    first, *others = (drawn(make(new_disk())) for make in LOGS)
    for other in others:
        assert other == first
    seen = {kind if isinstance(outcome, int) else outcome[1].split("'")[1] for kind, outcome in first}
    kinds = set(KINDS)
    codes = {case.error.code.decode() for case in CASES if set(case.kinds) & kinds}
    assert seen >= kinds
    assert codes - seen <= set(RARE)


def drawn(subject: Subject) -> list[tuple[str, Any]]:
    """Return the kind and the outcome of each of many drafts, the same for each log."""
    chance, found = random.Random(3), []
    begun(subject)
    for turn in range(200):
        if turn % 4 == 0:
            back = [
                Draft("unban", CLUSTER, "", "", key(2_000 + 10 * turn + n), 0, More(to=user))
                for n, user in enumerate(USERS)
            ]
            back += [
                Draft("enable", CLUSTER, "", "", key(2_003 + 10 * turn + n), 0, More(to=user))
                for n, user in enumerate(USERS)
            ]
            for_one = More(to=USERS[turn // 4 % 3])
            text = code_text(hashed(turn // 4 % 5), 1)
            subject.append(Draft("code", CLUSTER, "", text, key(2_006 + 10 * turn), 0, for_one))
            back.append(Draft("role", CLUSTER, "", "admin", key(2_009 + 10 * turn), 0, More(to="carol")))
            assert all(isinstance(outcome, int) for outcome in subject.append(*back))
            to, role = USERS[turn // 10 % 3], "none" if turn % 40 == 0 else "owner"
            orphaned = Draft("role", CLUSTER, "&ops", role, key(5_000 + turn), 0, More(to=to))
            found += [("role", outcome) for outcome in subject.append(orphaned)]
        head = subject.read(Head())
        steps = [Step(*(chance.choice(values) for values in VALUES.values())) for _ in range(30)]
        drafts = good(later(step, turn, head).draft(subject) for step in steps)
        outcomes = subject.append(*drafts)
        found += [(draft.kind, outcome) for draft, outcome in zip(drafts, outcomes, strict=True)]
    return found


def later(step: Step, turn: int, head: int) -> Step:
    """Return the step with a key of that turn, and referring to one of the newest entries."""
    ref = max(0, head - step.ref) if step.ref > 4 else step.ref
    by = max(1, head - step.by) if step.by > 3 else step.by
    return step._replace(number=step.number + 120 * turn, ref=ref, by=by)


RARE = {
    *("FULL_GUEST", "NOT_YET"),
    *("TOO_MANY_ROOMS", "TOO_MANY_TODAY", "THEY_ARE_BANNED", "TOO_MANY_SESSIONS", "NAME_KEPT"),
    *("SIGNUP_CLOSED", "CODE_NEEDED", "LAST_WAY", "TOO_MANY_TALKS"),
}
"""What is tested by itself."""


@pytest.mark.parametrize("make", LOGS)
def test_who_is_banned_is_not_invited(new_disk: Callable[[], Any], make: Callable[[Any], Subject]) -> None:
    """The ban is lifted first; it takes the invitation away, too."""
    subject, to_carol = make(new_disk()), More(to="carol")
    begun(subject)
    invite = Draft("invite", "alice", "&ops", "", key(1), 0, to_carol)
    ban, unban = (
        Draft(kind, "alice", "&ops", "", key(2 + n), 0, to_carol) for n, kind in enumerate(("ban", "unban"))
    )
    joins = [Draft("join", "carol", "&ops", "", key(4 + n)) for n in range(3)]
    no_room, banned = said(NoSuchRoom.of(room="&ops")), said(TheyAreBanned.of(to="carol", room="&ops"))
    again = [Draft("invite", "alice", "&ops", "", key(7 + n), 0, to_carol) for n in range(2)]
    assert subject.append(invite, ban, joins[0], again[0], unban, joins[1], again[1], joins[2]) == [
        *(9, 10, no_room, banned, 11, no_room, 12, 13)
    ]


@pytest.mark.parametrize("make", LOGS)
def test_who_is_muted_everywhere_is_told_so(
    new_disk: Callable[[], Any], make: Callable[[Any], Subject]
) -> None:
    """A post that names no topic is not refused for a topic that it names."""
    subject = make(new_disk())
    registered(subject, "alice")
    mute = Draft("mute", CLUSTER, "", "", key(1), 0, More(to="alice"))
    post = Draft("post", "alice", "alice", "hi", key(2))
    assert subject.append(mute, post) == [2, said(Muted.of())]


@pytest.mark.parametrize("make", LOGS)
def test_nobody_makes_rooms_all_day(new_disk: Callable[[], Any], make: Callable[[Any], Subject]) -> None:
    """Twenty a day are enough; a name that was refused for that is still free."""
    subject = make(new_disk())
    registered(subject, "alice", "bob")
    made = [Draft("create", "alice", f"&{number}", "joined", key(number)) for number in range(1, 22)]
    assert subject.append(*made) == [*range(3, 23), said(TooManyToday.of())]
    assert subject.append(Draft("create", "bob", "&21", "all", key(1)), made[-1]) == [
        23,
        said(TooManyToday.of()),
    ]


@given(history=st.lists(st.lists(steps, min_size=1, max_size=6), min_size=1, max_size=12))
@settings(max_examples=60, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_all_logs_judge_and_answer_alike(new_disk: Callable[[], Any], history: list[list[Step]]) -> None:
    """This holds for whatever is sent in batches, by whomever, and for all that each of them can read."""
    first, *others = (played(make(new_disk()), history) for make in LOGS)
    for other in others:
        assert other == first


class Told(NamedTuple):
    """A draft, and the seq, author and key of the entry to which it refers; 0 if it refers to none."""

    draft: Draft
    ref: int = 0
    user: str = ""
    key: bytes = b""

    def of(self, subject: Subject) -> Draft:
        """Return the draft for this log: a check is of one log alone."""
        if not self.ref:
            return self.draft
        target = Entry(self.ref, 0, "post", self.user, "", "", self.key)
        check = Cursor.at(subject.log.log_id, target).check
        return msgspec.structs.replace(self.draft, more=More(ref=Ref(self.ref, check)))


REFERRING = ("redact", "report", "answer", "expire")


@pytest.mark.parametrize("seed", range(3))
def test_all_logs_are_of_one_mind_about_what_refers_to_the_same_batch(
    new_disk: Callable[[], Any], seed: int
) -> None:
    """A client may send what refers to a post before the post is answered: its seq can be guessed, and its
    check be computed. What was taken is answered alike, and heard and read alike, in every log."""
    plan, taken = planned(in_memory(new_disk()), random.Random(seed))
    assert min(taken[kind] for kind in REFERRING[:3]) >= 6
    assert taken["expire"] >= 3
    first, *others = (told_of(make(new_disk()), plan) for make in LOGS)
    for other in others:
        assert other == first


def planned(subject: Subject, chance: random.Random) -> tuple[list[list[Told]], Counter[str]]:
    """Return batches, and how many drafts of them were taken that refer to a post of the same batch."""
    begun(subject)
    log: Any = subject.log
    batches: list[list[Told]] = []
    taken: Counter[str] = Counter()
    number = itertools.count(10_000)
    for turn in range(12):
        batches.append([])
        before = subject.read(Head())
        for _ in range(30):
            head = subject.read(Head())
            posts = [entry for entry in log.entries[max(8, head - 8) :] if entry.kind == "post"]
            posts = [post for post in posts if post.text or chance.random() < 0.2]
            kind = chance.choices(*zip(*CHANCES, strict=True))[0]
            told = planned_one(chance, kind, turn, posts, key(next(number)))
            if told is None:
                continue
            batches[-1].append(told)
            (outcome,) = subject.append(told.of(subject))
            if isinstance(outcome, int) and outcome > head and told.ref > before:
                taken[kind] += 1
    return batches, taken


CHANCES = (
    *(("post", 6), ("answer", 4), ("redact", 5), ("report", 2), ("expire", 0.5), ("create", 0.5)),
    *(("join", 1), ("invite", 1), ("block", 0.2), ("unblock", 0.4), ("unban", 0.3), ("mute", 0.1)),
    *(("remove", 0.1), ("role", 0.2)),
)


def planned_one(
    chance: random.Random, kind: str, turn: int, posts: list[Entry], its_key: bytes
) -> Told | None:
    user, to = chance.choice(USERS), More(to=chance.choice(USERS))
    room = chance.choice(["#x", "&ops", f"&r{turn}", "alice=bob", *[user] * 4])
    text = chance.choice(["hi", "see #x", "@alice and @bob", "@carol #y"])
    kept = room if room[0] in "#&" else f"&r{turn}"
    if kind in REFERRING:
        if not posts:
            return None
        post = chance.choice(posts)
        place = post.key if chance.random() < 0.9 else b"w" * 16  # with another key, the check is wrong
        author = post.user if kind == "redact" and chance.random() < 0.7 else user
        draft = {
            "redact": Draft("redact", author, author, chance.choice(["", "", "", "why"]), its_key),
            "report": Draft("report", user, user, "bad", its_key),
            "answer": Draft("post", user, post.room if post.room[0] in "#&" else user, text, its_key),
            "expire": Draft("expire", CLUSTER, chance.choice(["#x", "&ops"]), "", its_key),
        }[kind]
        return Told(draft, post.seq, post.user, place)
    return Told(
        {
            "post": Draft("post", user, room, text, its_key),
            "create": Draft("create", user, f"&r{turn}", chance.choice(["all", "joined"]), its_key),
            "join": Draft("join", user, kept, "", its_key),
            "role": Draft("role", "carol", kept, "moderator", its_key, 0, to),
            "block": Draft("block", user, user, "", its_key, 0, to),
            "unblock": Draft("unblock", user, user, "", its_key, 0, to),
        }.get(kind, Draft(kind, user, kept, "", its_key, 0, to))
    )


def told_of(subject: Subject, plan: list[list[Told]]) -> list[Any]:
    """Return the outcomes of the batches, sent twice, all entries, and what everybody can read."""
    begun(subject)
    found: list[Any] = []
    for batch in [*plan, *plan]:
        found += subject.append(*(told.of(subject) for told in batch))
    head = subject.read(Head())
    assert subject.log.window.head == head
    found += [(entry.seq, entry.kind, entry.text, entry.at) for entry in subject.log.window.after(0)]
    for upto in (0, 8, head // 2, head - 3):  # of a worker that is behind
        found += read_by_all(subject, upto)
    return found + read_by_all(subject)


@pytest.mark.parametrize("make", LOGS)
def test_what_a_room_is_like(new_disk: Callable[[], Any], make: Callable[[Any], Subject]) -> None:
    """How many are in it, since when it is there, what it is about, and who is banned, each as of a seq; and
    what happened there beside what was said, in one order with that, forwards and backwards."""
    subject = make(new_disk())
    begun(subject)

    def of(room: str, upto: int) -> RoomFacts:
        return subject.read(RoomOf(room, "alice", upto, counts=True))

    for_bob, for_carol = More(to="bob"), More(to="carol", until=1 << 60)
    drafts = [
        Draft("post", "alice", "#x", "first", key(10)),
        Draft("describe", "alice", "&ops", "what for", key(11)),
        Draft("post", "alice", "&ops", "hi", key(12)),
        Draft("role", "alice", "&ops", "moderator", key(13), 0, for_bob),
        Draft("post", "bob", "&ops", "thanks", key(14)),
        Draft("invite", "alice", "&ops", "", key(15), 0, More(to="carol")),
        Draft("join", "carol", "&ops", "", key(16)),
        Draft("remove", "alice", "&ops", "", key(17), 0, More(to="carol")),
        Draft("ban", "alice", "&ops", "", key(18), 0, for_bob),
        Draft("ban", "alice", "&ops", "", key(19), 0, for_carol),
    ]
    for seq, draft in enumerate(drafts, 9):
        assert subject.append(draft) == [seq]
    entries = {entry.seq: entry for entry in subject.log.window.after(0)}
    head = max(entries)
    assert [of("&ops", seq).members for seq in (13, 15, 16, 17)] == [2, 3, 2, 1]
    assert subject.read(RoomOf("&ops", "alice", 15)) == msgspec.structs.replace(of("&ops", 15), members=0)
    assert {of("&ops", seq).since for seq in (9, head)} == {entries[5].time}
    assert (of("#x", 8).since, of("#x", head).since) == (0, entries[9].time)
    assert of("alice", head) == RoomFacts(0, entries[1].time, "", "", 0)
    assert of("&ops", 9).about == ""
    about = of("&ops", head)
    assert (about.about, about.by, about.described) == ("what for", "alice", entries[10].time)
    bans = subject.read(BansOf("&ops", "alice", head)).bans
    assert [(ban.user, ban.until) for ban in bans] == [("bob", FOR_EVER), ("carol", 1 << 60)]
    assert [ban.user for ban in subject.read(BansOf("&ops", "alice", head, "bob")).bans] == ["carol"]
    with pytest.raises(NoSuchRoom):
        subject.read(RoomOf("&ops", "bob", head))
    with pytest.raises(NoSuchRoom):
        subject.read(BansOf("&ops", "bob", head))
    told = [7, 10, 11, 12, 13, 15, 16, 17]
    heard = subject.read(HistoryAfter("&ops", 0, "alice", head, True))
    assert [entry.seq for entry in heard] == told
    assert subject.read(History("&ops", None, "alice", head, True)) == heard
    assert [entry.seq for entry in subject.read(History("&ops", 16, "alice", head, True))] == told[:-2]
    assert [entry.seq for entry in subject.read(History("&ops", None, "alice", head))] == [11, 13]


@pytest.mark.parametrize("make", LOGS)
def test_who_caught_up_learns_what_was_taken_back(
    new_disk: Callable[[], Any], make: Callable[[Any], Subject]
) -> None:
    """Wherever they heard the post: as a follower, in a topic, mentioned, in a private room, in a
    conversation, or as its author."""
    subject = make(new_disk())
    begun(subject)
    assert subject.append(Draft("join", "bob", "alice", "", key(1))) == [9]
    said = [("alice", "hi"), ("alice", "@carol"), ("#x", "hi"), ("&ops", "hi"), ("alice=bob", "hi")]
    posts = [Draft("post", "alice", room, text, key(10 + n)) for n, (room, text) in enumerate(said)]
    assert subject.append(*posts) == [*range(10, 15)]
    checks = [subject.read(CursorAt(seq)) for seq in range(10, 15)]
    takings = [
        Draft("redact", "alice", "alice", "", key(20 + n), 0, More(ref=Ref(check.seq, check.check)))
        for n, check in enumerate(checks)
        if check is not None
    ]
    assert subject.append(*takings) == [*range(15, 20)]
    heard = {
        user: [entry.seq - 5 for entry in whole_feed(subject, user, 14, 19) if entry.kind == "redact"]
        for user in USERS
    }
    assert heard == {"alice": [10, 11, 12, 13, 14], "bob": [10, 11, 13, 14], "carol": [11]}


@pytest.mark.parametrize("make", LOGS)
def test_who_blocks_an_author_learns_what_they_take_back(
    new_disk: Callable[[], Any], make: Callable[[Any], Subject]
) -> None:
    """What was heard before the block is on their screen."""
    subject = make(new_disk())
    begun(subject)
    assert subject.append(Draft("post", "alice", "alice", "hi @bob", key(1))) == [9]
    check = subject.read(CursorAt(9))
    assert check is not None
    block = Draft("block", "bob", "bob", "", key(2), 0, More(to="alice"))
    redact = Draft("redact", "alice", "alice", "", key(3), 0, More(ref=Ref(9, check.check)))
    assert subject.append(block, redact) == [10, 11]
    assert [(entry.seq, entry.at) for entry in whole_feed(subject, "bob", 10, 11)] == [
        (11, ("alice", "@bob", "!alice"))
    ]


@pytest.mark.parametrize("make", LOGS)
def test_who_is_first_in_a_topic(new_disk: Callable[[], Any], make: Callable[[Any], Subject]) -> None:
    """Who has been there for longest, at any time, while nobody owns it; and who leads which rooms."""
    subject = make(new_disk())
    begun(subject)

    def role(number: int, user: str, room: str, to: str, text: str) -> Draft:
        return Draft("role", user, room, text, key(number), 0, More(to=to))

    assert subject.append(
        Draft("join", "carol", "#x", "", key(1)),
        Draft("join", "bob", "#x", "", key(1)),
        Draft("leave", "alice", "#x", "", key(1)),
        Draft("join", "alice", "#x", "", key(2)),
        role(2, "carol", "#x", "bob", "owner"),
        role(3, "carol", "#x", "bob", "none"),
        role(5, "alice", "&ops", "bob", "moderator"),
    ) == [*range(9, 16)]

    def first(room: str = "#x", upto: int = 15) -> str:
        return subject.read(FirstIn(room, upto))

    def led(user: str, upto: int = 15) -> list[str]:
        return subject.read(LedBy(user, ["#x", "&ops", "#y", "alice"], upto))

    assert [first(upto=seq) for seq in (7, 8, 10, 11, 12, 15)] == ["", *["alice"] * 2, *["carol"] * 3]
    assert [first(room) for room in ("&ops", "alice", "#y", "nothing at all")] == [""] * 4
    assert [led(user) for user in USERS] == [["&ops"], ["&ops"], ["#x"]]
    assert led("alice", 10) == ["#x", "&ops"]
    assert subject.append(role(4, "carol", "#x", "bob", "owner")) == [16]
    assert first(upto=16) == ""
    assert [led(user, 16) for user in USERS] == [["&ops"], ["#x", "&ops"], []]


@pytest.mark.parametrize("make", LOGS)
def test_who_may_speak_and_who_blocks_them(
    new_disk: Callable[[], Any], make: Callable[[Any], Subject]
) -> None:
    """As the log would judge a post, and in conversations only once something was said."""
    subject = make(new_disk())
    begun(subject)
    numbers = itertools.count(1)

    def asked(*rooms: str, user: str = "alice") -> list[Any]:
        head = subject.log.window.head
        return [subject.read(SpeakerIn(user, room, head)) for room in rooms]

    def does(kind: Any, user: str, room: str, to: str = "", text: str = "", until: int = 0) -> None:
        draft = Draft(kind, user, room, text, key(next(numbers)), 0, More(to=to, until=until))
        assert isinstance(subject.append(draft)[0], int)

    assert asked("#x", "&ops", "alice", "alice=bob", "nothing at all") == [[], [], [], None, []]
    does("post", "bob", "alice=bob", text="hi")
    assert asked("alice=bob", "alice=carol") == [[], None]
    assert asked("alice=bob", "alice=carol", user="bob") == [[], None]
    does("block", "bob", "bob", "alice")
    does("block", "carol", "carol", "alice")
    assert asked("alice=bob", "#x") == [["bob", "carol"]] * 2
    does("unblock", "carol", "carol", "alice")
    does("mute", "carol", "#x", "alice", until=1 << 60)
    assert asked("#x", "&ops", "alice") == [None, ["bob"], ["bob"]]
    does("unban", "carol", "#x", "alice")
    does("ban", "carol", "#x", "alice")
    assert asked("#x", "alice") == [None, ["bob"]]
    does("policy", "carol", "", text="direct staff")
    assert asked("alice=bob") == [None]
    does("role", CLUSTER, "", "bob", "moderator")
    assert asked("alice=bob") == [["bob"]]
    does("mute", "carol", "", "alice")
    assert asked("#x", "&ops", "alice", "alice=bob") == [None] * 4
