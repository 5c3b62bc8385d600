"""Who may come in, in every log: codes, sessions, and what ends them.

That all logs judge drawn drafts of these kinds alike is tested with the other kinds: see
``test_rooms_contract.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
from msgspec.structs import replace
from store.test_log_contract import Subject, key, new_log, registered, said
from store.test_rooms_contract import LOGS

from chatnet.aging import NEVER, LastUse
from chatnet.codes import code_text, kept, recovery_text
from chatnet.entries import Draft, More
from chatnet.errors import (
    BadCode,
    CodeNeeded,
    CodeTaken,
    Disabled,
    LastWay,
    NameKept,
    NameTaken,
    NoSuchRoom,
    NoSuchSession,
    NotAdmin,
    NotInScope,
    NotOperators,
    SecretChanged,
    SessionEnded,
    SessionThere,
    SignupClosed,
    TooManySessions,
    TooManyTalks,
    TooManyToday,
)
from chatnet.kinds import CLUSTER, KindName
from chatnet.marks import UserMark, used
from chatnet.reads import AccountOf, CodeOf, Device, DevicesOf, Head, InvitationsOf, SnapshotOf
from chatnet.worker.drafts import NO_ONES

__all__ = ["new_log"]

CODE, OTHER = kept("0000-0000-0001"), kept("0000-0000-0002")
LAPTOP, PHONE = "a" * 32, "b" * 32
FAR = 1 << 60


@pytest.fixture(params=LOGS, ids=lambda make: make.__name__)
def subject(request: pytest.FixtureRequest, new_disk: Callable[[], Any]) -> Subject:
    made: Subject = request.param(new_disk())
    return made


def code(
    number: int, kept: str = CODE, uses: int = 1, to: str = "", room: str = "", by: str = CLUSTER
) -> Draft:
    more = More(to=to, until=0 if to else FAR)
    return Draft("code", by, room or (by if to == by else ""), code_text(kept, uses), key(number), 0, more)


def begins(
    kind: str,
    user: str,
    number: int,
    device: str = "",
    code: str = "",
    by: int = 0,
    scope: Literal["post", "read", ""] = "",
    label: str = "",
) -> Draft:
    text = f"sha256:{number}" if kind != "session" or code else ""
    more = More(device=device, label=label, scope=scope, code=code)
    return Draft(kind, user, user, text, key(number), by, more)


def post(user: str, number: int, by: int = 0) -> Draft:
    return Draft("post", user, user, "hi", key(number), by)


def revoke(user: str, number: int, session: int, to: str = "") -> Draft:
    return Draft("revoke", user, user, str(session), key(number), 0, More(to=to or user))


BAD = said(BadCode.of())


def test_a_code_lets_in_as_many_as_it_says(subject: Subject) -> None:
    """Then it is gone, also within one batch; who comes again by an old key has used it once."""
    names = ["alice", "bob", "carol"]
    comes = [begins("register", name, 10 + n, code=CODE) for n, name in enumerate(names)]
    assert subject.append(code(1, uses=2), *comes, comes[0]) == [1, 2, 3, BAD, 2]
    assert subject.read(CodeOf(CODE, "dora")) == ""
    assert subject.append(begins("register", "dora", 20, code=OTHER)) == [BAD]


def test_who_may_register_is_a_policy(subject: Subject) -> None:
    """By default anybody; or whoever has a code; or only those that were added by name."""
    by_code, closed, opened = (
        Draft("policy", CLUSTER, "", f"signup {value}", key(n)) for n, value in enumerate(SIGNUPS)
    )
    needed, no = said(CodeNeeded.of()), said(SignupClosed.of())
    third = kept("0000-0000-0003")
    assert subject.append(
        *(
            code(10, uses=2),
            by_code,
            begins("register", "alice", 20),
            begins("register", "alice", 21, "", CODE),
        ),
        *(closed, begins("register", "bob", 22, "", CODE), begins("register", "bob", 23, "", third)),
        *(code(11, OTHER, to="bob"), begins("register", "bob", 24), begins("register", "bob", 25, "", OTHER)),
        *(opened, begins("register", "carol", 26)),
    ) == [*(1, 2, needed, 3), *(4, no, no), *(5, no, 6), *(7, 8)]


SIGNUPS = ("code", "closed", "open")


def test_a_code_invites_to_its_room(subject: Subject) -> None:
    """Unless all have left that: nobody lets anybody in there any more."""
    registered(subject, "alice")
    made = Draft("create", "alice", "&ops", "joined", key(1))
    joins = [Draft("join", name, "&ops", "", key(2)) for name in ("bob", "carol")]
    leaves = [Draft("leave", name, "&ops", "", key(3)) for name in ("bob", "alice")]
    coded = [begins("register", name, 4, code=CODE) for name in ("bob", "carol")]
    no_room = said(NoSuchRoom.of(room="&ops"))
    assert subject.append(
        made, code(5, uses=2, room="&ops"), coded[0], joins[0], *leaves, coded[1], joins[1]
    ) == [2, 3, 4, 5, 6, 7, 8, no_room]


def test_a_code_for_a_name_is_for_that_alone(subject: Subject) -> None:
    """Nobody else can use it, and nobody without it can have the name meanwhile."""
    kept_name = said(NameKept.of(name="alice"))
    assert subject.append(
        code(1, to="alice"),
        begins("register", "bob", 2, code=CODE),
        begins("register", "alice", 3),
        begins("register", "alice", 4, code=OTHER),
        begins("register", "alice", 5, code=CODE),
        begins("secret", "alice", 6, code=CODE),
    ) == [1, BAD, kept_name, kept_name, 2, BAD]


@pytest.mark.parametrize("make", LOGS, ids=lambda make: make.__name__)
def test_a_code_is_kept_a_day_for_a_name(new_disk: Callable[[], Any], make: Callable[[Any], Subject]) -> None:
    """Behind that it is nothing any more, and the name is free; one for a device is good ten minutes."""
    disk = new_disk()
    subject = make(disk)
    registered(subject, "bob")
    assert subject.append(code(1, to="alice"), code(2, OTHER, to="bob", by="bob")) == [2, 3]
    assert subject.read(CodeOf(CODE, "alice")) == "reset"
    assert subject.read(CodeOf(CODE, "bob")) == ""
    assert subject.read(CodeOf(OTHER, "bob")) == "device"
    disk.reactor.advance(601)
    kept_name = said(NameKept.of(name="alice"))
    late = begins("session", "bob", 3, PHONE, OTHER)
    assert subject.append(late, begins("register", "alice", 4)) == [BAD, kept_name]
    disk.reactor.advance(86_400)
    comes = [begins("register", "alice", 5 + n, code=each) for n, each in enumerate((CODE, ""))]
    assert subject.append(*comes) == [BAD, 4]
    assert subject.read(CodeOf(CODE, "alice")) == ""


def test_a_reset_ends_what_was_there(subject: Subject) -> None:
    """The old secret and all sessions at once; the owner sets a new one by the code, once."""
    registered(subject, "alice")
    ended = said(SessionEnded.of(name="alice"))
    bob = begins("register", "bob", 9)
    assert subject.append(
        bob,
        post("alice", 1, by=1),
        revoke(CLUSTER, 2, 0, to="alice"),
        code(3, to="alice"),
        post("alice", 4, by=1),
        begins("session", "alice", 5, by=1),
        begins("secret", "alice", 6, code=OTHER),
        begins("secret", "alice", 7, code=CODE),
        begins("secret", "alice", 8, code=CODE),
        post("alice", 10, by=6),
        post("alice", 11, by=1),
    ) == [2, 3, 4, 5, ended, said(SecretChanged.of(name="alice")), BAD, 6, BAD, 7, (0, _changed())]


def test_what_no_session_says_is_taken_only_if_it_is_there(subject: Subject) -> None:
    """So a worker passes on what somebody says who has shown a wrong secret: they may be saying it again."""
    registered(subject, "alice")
    made = code(1, to="alice", by="alice")
    other = code(2, OTHER, to="alice", by="alice")
    assert subject.append(replace(made, by=1)) == [2]
    of_no_one = [replace(draft, by=NO_ONES) for draft in (made, other)]
    ended = said(SessionEnded.of(name="alice"))
    assert subject.append(*of_no_one) == [2, ended]
    assert subject.append(revoke(CLUSTER, 3, 0, to="alice")) == [3]
    assert subject.append(*of_no_one) == [2, ended]


def _changed() -> str:
    return said(SecretChanged.of(name="alice"))[1]


def test_a_device_is_let_in_by_another(subject: Subject) -> None:
    """By a code of the user's own, once, and only the newest; it then has a secret of its own, which goes
    with its session."""
    registered(subject, "alice", "bob")
    assert subject.append(
        code(1, to="alice", by="alice"),
        begins("session", "bob", 2, PHONE, CODE),
        begins("secret", "alice", 3, code=CODE),
        code(4, OTHER, to="alice", by="alice"),
        begins("session", "alice", 5, PHONE, CODE),
        begins("session", "alice", 6, PHONE, OTHER, label="phone"),
        begins("session", "alice", 7, LAPTOP, OTHER),
    ) == [3, BAD, BAD, 4, BAD, 5, BAD]
    account = subject.read(AccountOf("alice", PHONE))
    assert account is not None
    assert account.credential == "sha256:alice"
    assert account.device == Device(5, PHONE, "phone", "all", "sha256:6")
    assert subject.append(post("alice", 8, by=5), revoke("alice", 9, 5), post("alice", 10, by=5)) == [
        *(6, 7, said(SessionEnded.of(name="alice"))),
    ]
    assert subject.read(SnapshotOf("alice", 0, 7, None, 5)).session is None
    assert subject.read(SnapshotOf("alice", 0, 7, None, 1)).session == Device(1, "", "", "all")


def test_a_snapshot_says_whether_there_is_a_password(subject: Subject) -> None:
    """Neither the random secret of a program is one, nor that of a device alone, nor one that is lost."""
    registered(subject, "alice", "bob")

    def has_password() -> bool:
        return subject.read(SnapshotOf("alice", 0, 9)).has_password

    assert not has_password()
    assert subject.append(code(1, to="alice", by="alice"), begins("session", "alice", 2, PHONE, CODE)) == [
        3,
        4,
    ]
    assert not has_password()
    assert subject.append(revoke("alice", 3, 1)) == [5]
    assert not has_password()
    assert subject.append(Draft("secret", "alice", "alice", "$argon2id$v=19$", key(4))) == [6]
    assert has_password()
    assert not subject.read(SnapshotOf("bob", 0, 9)).has_password
    assert not subject.read(SnapshotOf("nobody", 0, 9)).has_password


def test_what_a_lost_device_keeps_opens_nothing(subject: Subject) -> None:
    """The secret with which a name was registered is on that device; but a password stays."""
    registered(subject, "alice")
    last = said(LastWay.of())
    assert subject.append(
        revoke("alice", 1, 1),
        code(2, to="alice", by="alice"),
        begins("session", "alice", 3, PHONE, CODE),
        revoke("alice", 4, 1),
        post("alice", 5, by=1),
        post("alice", 6, by=3),
        begins("session", "alice", 7, LAPTOP, by=1),
        revoke("alice", 8, 3),
    ) == [
        *(last, 2, 3, 4, said(SessionEnded.of(name="alice")), 5),
        *(said(SecretChanged.of(name="alice")), last),
    ]
    account = subject.read(AccountOf("alice"))
    assert account is not None
    assert account.credential == ""
    password = Draft("secret", "alice", "alice", "$argon2id$x", key(9), 3, More(device=PHONE))
    assert subject.append(password, revoke("alice", 10, 6)) == [6, 7]
    account = subject.read(AccountOf("alice"))
    assert account is not None
    assert account.credential == "$argon2id$x"


def test_a_new_secret_ends_the_other_sessions(subject: Subject) -> None:
    """And the codes with which others could still come in."""
    registered(subject, "alice")
    assert subject.append(
        begins("session", "alice", 1, PHONE, by=1),
        code(2, to="alice", by="alice"),
        begins("secret", "alice", 3, LAPTOP, by=1),
        post("alice", 4, by=1),
        post("alice", 5, by=2),
        post("alice", 6, by=4),
        begins("session", "alice", 7, PHONE, CODE),
        begins("session", "alice", 8, PHONE, by=1),
        begins("session", "alice", 9, PHONE, by=4),
    ) == [
        *(2, 3, 4, said(SecretChanged.of(name="alice")), said(SecretChanged.of(name="alice")), 5),
        *(BAD, said(SecretChanged.of(name="alice")), 6),
    ]
    assert [one.device.seq for one in subject.read(DevicesOf("alice"))] == [4, 6]


RECOVERIES = [kept(f"0000-0000-0000-0000-0000-{number:04}") for number in range(16)]
NEWER = RECOVERIES[8:]


def recoveries(user: str, number: int, codes: list[str] = RECOVERIES[:8]) -> Draft:
    return Draft("code", user, user, recovery_text(codes), key(number), 0, More(to=user))


def test_each_recovery_code_sets_one_new_secret(subject: Subject) -> None:
    """For its user alone; the other sessions end, and the other codes stay good."""
    registered(subject, "alice", "bob")
    changed = said(SecretChanged.of(name="alice"))
    assert subject.append(
        recoveries("alice", 1),
        begins("secret", "bob", 2, code=RECOVERIES[0]),
        begins("session", "alice", 3, PHONE, RECOVERIES[0]),
        begins("register", "carol", 4, code=RECOVERIES[0]),
        begins("secret", "alice", 5, LAPTOP, RECOVERIES[0]),
        begins("secret", "alice", 6, LAPTOP, RECOVERIES[0]),
        post("alice", 7, by=1),
        begins("secret", "alice", 8, PHONE, RECOVERIES[7]),
        post("alice", 9, by=4),
        post("alice", 10, by=5),
    ) == [3, BAD, BAD, BAD, 4, BAD, changed, 5, changed, 6]
    for user, codes, purpose in (("alice", RECOVERIES[1:7], "recovery"), ("bob", RECOVERIES, "")):
        assert {subject.read(CodeOf(code, user)) for code in codes} == {purpose}
    account = subject.read(AccountOf("alice"))
    assert account is not None
    assert account.credential == "sha256:8"


def test_new_recovery_codes_end_the_earlier_ones(subject: Subject) -> None:
    """But no other code; and another code ends none of them."""
    registered(subject, "alice")
    assert subject.append(
        code(1, to="alice", by="alice"),
        recoveries("alice", 2),
        recoveries("alice", 3, NEWER),
        begins("session", "alice", 4, PHONE, CODE),
        code(5, OTHER, to="alice", by="alice"),
        recoveries("alice", 6, [*RECOVERIES[:7], NEWER[0]]),
        begins("secret", "alice", 7, code=RECOVERIES[0]),
        begins("secret", "alice", 8, code=NEWER[0]),
    ) == [2, 3, 4, 5, 6, said(CodeTaken.of()), BAD, 7]
    assert {subject.read(CodeOf(one, "alice")) for one in (*RECOVERIES[:8], OTHER, NEWER[0])} == {""}


def test_recovery_codes_end_with_the_secret_that_was_shown_for_them(subject: Subject) -> None:
    """With a new one, a reset, and one that is lost with its device; not with a session or a log-out."""
    registered(subject, "alice", "bob", "carol")
    password = Draft("secret", "alice", "alice", "$argon2id$v=19$", key(1), 1)
    assert subject.append(
        recoveries("alice", 2),
        password,
        begins("secret", "alice", 3, code=RECOVERIES[0]),
        recoveries("alice", 4, NEWER),
        begins("session", "alice", 5, PHONE, by=5),
        revoke("alice", 6, 7),
        revoke("alice", 7, 5),
    ) == [4, 5, BAD, 6, 7, 8, 9]
    assert subject.read(CodeOf(NEWER[0], "alice")) == "recovery"
    assert subject.append(
        revoke(CLUSTER, 8, 0, to="alice"),
        begins("secret", "alice", 9, code=NEWER[0]),
        recoveries("bob", 10),
        code(11, to="bob", by="bob"),
        begins("session", "bob", 12, PHONE, CODE),
        revoke("bob", 13, 2),
        begins("secret", "bob", 14, code=RECOVERIES[0]),
    ) == [10, BAD, 11, 12, 13, 14, BAD]
    assert subject.append(
        recoveries("carol", 15, NEWER),
        code(16, to="carol", by="carol"),
        begins("session", "carol", 17, "", CODE),
        begins("secret", "carol", 18, code=NEWER[0]),
    ) == [15, 16, 17, BAD]


@pytest.mark.parametrize("make", LOGS, ids=lambda make: make.__name__)
def test_recovery_codes_are_good_for_years(
    new_disk: Callable[[], Any], make: Callable[[Any], Subject]
) -> None:
    """They are on paper, for the day when somebody needs them; of who is forgotten they are good no more."""
    disk = new_disk()
    subject = make(disk)
    registered(subject, "alice", "bob")
    assert subject.append(recoveries("alice", 1), recoveries("bob", 2, NEWER)) == [3, 4]
    disk.reactor.advance(5 * 365 * 86_400)
    assert subject.append(
        code(3, uses=9), begins("secret", "alice", 4, code=RECOVERIES[3]), order("forget", 5, to="bob")
    ) == [5, 6, 7]
    assert subject.read(CodeOf(NEWER[0], "bob")) == ""


def test_a_device_has_one_session(subject: Subject) -> None:
    """However often it logs in; and a user has fifty, and not more."""
    registered(subject, "alice")
    devices = [begins("session", "alice", n, f"{n:032x}", by=1) for n in range(1, 51)]
    assert subject.append(*devices[:49]) == [*range(2, 51)]
    assert subject.append(devices[49], begins("session", "alice", 60, f"{1:032x}", by=1)) == [
        said(TooManySessions.of(name="alice")),
        said(SessionThere.of()),
    ]
    assert subject.append(revoke("alice", 61, 2), begins("session", "alice", 62, LAPTOP, by=1)) == [51, 52]


def test_nobody_logs_in_from_new_devices_all_day(subject: Subject) -> None:
    """A hundred a day are enough: each costs an entry."""
    registered(subject, "alice")
    for turn in range(0, 100, 25):
        begun = [begins("session", "alice", turn + n, f"{turn + n:032x}", by=1) for n in range(25)]
        seqs = subject.append(*begun)
        ends = [revoke("alice", 500 + turn + n, seq) for n, seq in enumerate(seqs)]
        assert all(isinstance(outcome, int) for outcome in subject.append(*ends))
    assert subject.append(begins("session", "alice", 200, LAPTOP, by=1)) == [said(TooManyToday.of())]


def test_a_session_does_what_it_was_begun_for(subject: Subject) -> None:
    """One that reads appends nothing, one that posts nothing else."""
    registered(subject, "alice", "bob")
    not_so = said(NotInScope.of())
    assert subject.append(
        begins("session", "alice", 1, PHONE, by=1, scope="read"),
        begins("session", "alice", 2, LAPTOP, by=1, scope="post"),
    ) == [3, 4]
    assert subject.append(
        post("alice", 3, by=3),
        post("alice", 4, by=4),
        Draft("join", "alice", "bob", "", key(5), 4),
        begins("secret", "alice", 6, LAPTOP, by=4),
        Draft("join", "alice", "bob", "", key(5), 1),
    ) == [not_so, 5, not_so, not_so, 6]
    assert subject.append(post("alice", 7, by=3)) == [not_so]


def test_admins_make_codes_and_end_sessions(subject: Subject) -> None:
    """Nobody else does; and of a private room an admin knows no more than anybody."""
    registered(subject, "alice", "bob")
    admin = Draft("role", CLUSTER, "", "admin", key(1), 0, More(to="alice"))
    room = Draft("create", "bob", "&ops", "joined", key(2))
    no_room, not_admin = said(NoSuchRoom.of(room="&ops")), said(NotAdmin.of())
    assert subject.append(
        admin,
        room,
        code(3, by="alice"),
        code(4, by="alice"),
        code(5, OTHER, by="bob"),
        code(6, OTHER, by="alice", room="&ops"),
        code(7, OTHER, by="bob", room="&ops"),
        code(8, OTHER, room="&nowhere"),
        revoke("bob", 9, 1, to="alice"),
        revoke("alice", 10, 7, to="bob"),
        revoke("alice", 11, 2, to="bob"),
    ) == [
        *(3, 4, 5, said(CodeTaken.of()), not_admin, no_room, not_admin),
        *(said(NoSuchRoom.of(room="&nowhere")), not_admin, said(NoSuchSession.of(to="bob")), 6),
    ]


def test_a_name_is_added_that_nobody_has(subject: Subject) -> None:
    """Otherwise a code would let somebody else into an account that is used."""
    registered(subject, "alice")
    assert subject.append(code(1, to="alice")) == [said(NameTaken.of(name="alice"))]


def test_no_name_is_added_that_is_forgotten(subject: Subject) -> None:
    """Its code would let nobody in, ever."""
    registered(subject, "alice")
    taken = said(NameTaken.of(name="alice"))
    assert subject.append(order("forget", 1), code(2, to="alice"), code(3, to="bob")) == [2, taken, 3]


def order(kind: KindName, number: int, text: str = "", to: str = "alice", until: int = 0) -> Draft:
    return Draft(kind, CLUSTER, "", text, key(700 + number), 0, More(to=to, until=until))


@pytest.mark.parametrize(
    ("falls", "rises"),
    [
        ([order("role", 1, "none")], [order("role", 2, "admin")]),
        ([order("role", 1, "moderator")], [order("role", 2, "admin")]),
        ([order("disable", 1)], [order("enable", 2)]),
        ([order("ban", 1)], [order("unban", 2), order("role", 3, "admin")]),
    ],
    ids=["none", "moderator", "disabled", "banned"],
)
def test_a_code_is_good_while_who_made_it_is_an_admin(
    subject: Subject, falls: list[Draft], rises: list[Draft]
) -> None:
    """Those of the cluster, for whatever, and of one's own devices are good whatever happens to others."""
    registered(subject, "alice", "bob", "dan")
    third, fourth, fifth = (kept(f"0000-0000-000{n}") for n in (3, 4, 5))
    made = [
        *(order("role", 10, "admin"), order("role", 11, "admin", to="bob")),
        code(1, by="alice", uses=3),
        code(2, OTHER, to="carol"),
        revoke(CLUSTER, 3, 0, to="dan"),
        code(4, third, to="dan"),
        code(5, fourth, uses=2),
        code(6, fifth, to="bob", by="bob"),
        begins("register", "eve", 20, code=CODE),
    ]
    assert subject.append(*made, *falls) == [*range(4, 13 + len(falls))]
    assert subject.append(
        begins("register", "fay", 21, code=CODE),
        begins("register", "fay", 22, code=fourth),
        begins("register", "carol", 23, code=OTHER),
        begins("secret", "dan", 24, code=third),
        order("role", 12, "none", to="bob"),
        begins("session", "bob", 25, PHONE, fifth),
        *rises,
        begins("register", "gus", 26, code=CODE),
        begins("register", "hal", 27, code=CODE),
        begins("register", "ivy", 28, code=CODE),
    ) == [BAD, *range(13 + len(falls), 20 + len(falls) + len(rises)), BAD]


def test_a_code_invites_where_who_made_it_moderates(subject: Subject) -> None:
    """Whoever uses it is registered, and invited only then; the cluster's own code invites as ever."""
    registered(subject, "alice", "bob")
    made = [
        order("role", 0, "admin"),
        Draft("create", "bob", "&ops", "all", key(1)),
        Draft("invite", "bob", "&ops", "", key(2), 0, More(to="alice")),
        Draft("join", "alice", "&ops", "", key(3)),
        Draft("role", "bob", "&ops", "moderator", key(4), 0, More(to="alice")),
        code(5, by="alice", uses=9, room="&ops"),
        code(6, OTHER, uses=9, room="&ops"),
    ]
    assert subject.append(*made) == [*range(3, 10)]
    no_room, joined = said(NoSuchRoom.of(room="&ops")), 0

    def comes(name: str, code: str = CODE) -> bool:
        """Return whether who uses the code is invited, and can join."""
        nonlocal joined
        joined += 2
        registers, joins = subject.append(
            begins("register", name, 10, code=code), Draft("join", name, "&ops", "", key(11))
        )
        assert isinstance(registers, int)
        assert joins in (registers + 1, no_room)
        return joins != no_room

    def does(kind: KindName, number: int, text: str = "") -> None:
        [outcome] = subject.append(Draft(kind, "bob", "&ops", text, key(number), 0, More(to="alice")))
        assert isinstance(outcome, int)

    assert comes("carol")
    does("role", 20, "none")
    assert not comes("dan")
    does("role", 21, "moderator")
    assert comes("eve")
    does("remove", 22)
    assert not comes("fay")
    does("ban", 23)
    assert not comes("gus")
    assert comes("hal", OTHER)
    subject.append(begins("register", "ivy", 10, code=CODE), begins("register", "joe", 10, code=OTHER))
    head = subject.read(Head())
    assert subject.read(InvitationsOf("ivy", head)).invitations == []
    [invitation] = subject.read(InvitationsOf("joe", head)).invitations
    assert invitation.room == "&ops"


def test_a_code_invites_to_several_rooms(subject: Subject) -> None:
    """To those that its author has said, each once, and moderates when it is used; and it is used once."""
    registered(subject, "alice", "bob")
    rooms = ("&a_", "&ab", "&c")
    made = [Draft("create", "bob", room, "all", key(1 + n)) for n, room in enumerate(rooms)]
    lets_in = [
        Draft(kind, "bob", room, text, key(10 + 3 * n + m), 0, More(to="alice"))
        for n, room in enumerate(rooms)
        for m, (kind, text) in enumerate((("invite", ""), ("role", "moderator")))
    ]
    joins = [Draft("join", "alice", room, "", key(20 + n)) for n, room in enumerate(rooms)]
    everything = [
        order("role", 0, "admin"),
        *made,
        Draft("create", "bob", "&d", "all", key(9)),
        *lets_in[::2],
        *joins,
        *lets_in[1::2],
    ]
    assert all(isinstance(outcome, int) for outcome in subject.append(*everything))
    taken, nowhere = said(CodeTaken.of()), said(NoSuchRoom.of(room="&none"))
    head = subject.read(Head())
    assert subject.append(
        *(code(30 + n, by="alice", uses=2, room=room) for n, room in enumerate(rooms)),
        *(code(40 + n, by="alice", uses=2, room=room) for n, room in enumerate((rooms[0], "", "&none"))),
        code(43, room="&d"),  # it is not the cluster's code
    ) == [head + 1, head + 2, head + 3, taken, taken, nowhere, taken]
    gone = Draft("role", "bob", rooms[1], "none", key(50), 0, More(to="alice"))
    assert subject.append(gone, begins("register", "carol", 51, code=CODE)) == [head + 4, head + 5]
    invitations = subject.read(InvitationsOf("carol", head + 5)).invitations
    assert sorted(invitation.room for invitation in invitations) == [rooms[0], rooms[2]]
    joins = [Draft("join", "carol", room, "", key(52 + n)) for n, room in enumerate(rooms)]
    assert subject.append(*joins) == [head + 6, said(NoSuchRoom.of(room=rooms[1])), head + 7]
    assert subject.append(*(begins("register", name, 60, code=CODE) for name in ("dan", "eve"))) == [
        head + 8,
        BAD,
    ]


def test_a_code_invites_to_twenty_rooms_at_most(subject: Subject) -> None:
    """One more is another code."""
    registered(subject, "bob", "carol")
    makers = ["bob"] * 20 + ["carol"]
    rooms = [f"&r{number}" for number in range(21)]
    made = [
        Draft("create", user, room, "all", key(n))
        for n, (user, room) in enumerate(zip(makers, rooms, strict=True))
    ]
    codes = [code(100 + n, room=room) for n, room in enumerate(rooms)]
    assert all(isinstance(outcome, int) for outcome in subject.append(*made))
    assert subject.append(*codes)[-2:] == [43, said(CodeTaken.of())]


def test_an_account_is_disabled_and_enabled(subject: Subject) -> None:
    """What a moderator lifts is a ban, and not that."""
    registered(subject, "alice")
    order = [Draft(kind, CLUSTER, "", "", key(n), 0, More(to="alice")) for n, kind in enumerate(ORDERS)]
    no = said(Disabled.of(name="alice"))
    assert subject.append(
        order[0], post("alice", 10, by=1), order[1], post("alice", 11), order[2], post("alice", 10, by=1)
    ) == [2, no, 3, no, 4, 5]
    assert not subject.read(SnapshotOf("alice", 0, 5)).disabled
    assert subject.append(Draft("disable", "alice", "", "", key(20), 0, More(to="alice"))) == [
        said(NotAdmin.of())
    ]


ORDERS = ("disable", "unban", "enable")


@pytest.mark.parametrize(("ends", "begins"), [("disable", "enable"), ("ban", "unban")])
def test_an_owner_who_may_do_nothing_counts_as_none(subject: Subject, ends: str, begins: str) -> None:
    """An operator names another one meanwhile, and only then."""
    registered(subject, "alice", "bob")
    beginning = [
        Draft("create", "alice", "&ops", "all", key(1)),
        Draft("invite", "alice", "&ops", "", key(2), 0, More(to="bob")),
        Draft("join", "bob", "&ops", "", key(3)),
    ]
    kinds = ("role", ends, begins, "role", ends, "role")
    orders = [
        Draft(kind, CLUSTER, "&ops", "owner", key(10 + n), 0, More(to="bob"))
        if kind == "role"
        else Draft(kind, CLUSTER, "", "", key(10 + n), 0, More(to="alice"))
        for n, kind in enumerate(kinds)
    ]
    no = said(NotOperators.of())
    assert subject.append(*beginning, *orders) == [3, 4, 5, no, 6, 7, no, 8, 9]


def test_a_device_is_known_to_be_used(subject: Subject) -> None:
    """It is kept as marks are, and read with the time of then."""
    registered(subject, "alice", "bob")
    head = subject.read(Head())
    subject.ask(subject.log.keep_marks([UserMark("alice", used(1), head)]))
    [device] = subject.read(DevicesOf("alice"))
    assert (device.device.seq, device.used >= device.since) == (1, True)
    [other] = subject.read(DevicesOf("bob"))
    assert other.used == 0


def test_when_a_session_was_last_used_comes_with_it(subject: Subject) -> None:
    """As the time of what was said next, and that of the newest entry; if it was never marked, or nothing was
    said since, as nothing."""
    registered(subject, "alice", "bob")

    def last_use() -> LastUse:
        return subject.read(SnapshotOf("alice", 0, subject.read(Head()), None, 1)).last_use

    def newest() -> int:
        window = subject.log.window
        return int(window.after(window.head - 1)[-1].time)

    assert last_use() == LastUse(0, newest())
    subject.ask(subject.log.keep_marks([UserMark("alice", used(1), 2), UserMark("bob", used(2), 1)]))
    assert last_use() == LastUse(0, newest())
    subject.append(Draft("post", "bob", "bob", "one", b"1" * 16))
    one = newest()
    assert last_use() == LastUse(one, one)
    subject.append(Draft("post", "bob", "bob", "two", b"2" * 16))
    assert last_use() == LastUse(one, newest())
    assert subject.read(SnapshotOf("alice", 0, 4)).last_use == NEVER
    assert subject.read(SnapshotOf("alice", 0, 4, None, 2)).last_use == NEVER


@pytest.mark.parametrize("make", LOGS, ids=lambda make: make.__name__)
def test_a_newcomer_begins_few_conversations(
    new_disk: Callable[[], Any], make: Callable[[Any], Subject]
) -> None:
    """Three in an hour, on the first day, if the cluster is older than that and they came without a code;
    they may answer whoever writes to them, and go on where something was said."""
    disk = new_disk()
    subject = make(disk)
    others = [f"u{number}" for number in range(8)]
    registered(subject, "alice", *others)
    disk.reactor.advance(86_401)

    def says(user: str, other: str, number: int) -> Draft:
        return Draft("post", user, "=".join(sorted((user, other))), "hi", key(number))

    def outcomes(user: str, first: int) -> list[bool]:
        said = subject.append(*(says(user, other, first + n) for n, other in enumerate(others)))
        return [isinstance(outcome, int) for outcome in said]

    subject.append(begins("register", "zoe", 1), code(2), begins("register", "yan", 3, code=CODE))
    assert all(outcomes("alice", 100))
    assert all(outcomes("yan", 200))
    subject.append(says("u7", "zoe", 10), says("u6", "zoe", 11))
    few = [True] * 3 + [False] * 3 + [True] * 2
    assert outcomes("zoe", 300) == few
    assert subject.append(says("zoe", "u5", 20)) == [said(TooManyTalks.of())]
    assert isinstance(subject.append(says("zoe", "u0", 21))[0], int)
    disk.reactor.advance(3_600)
    assert outcomes("zoe", 400) == [True] * 8
    assert subject.read(SnapshotOf("zoe", 0, 1)).fresh > subject.read(SnapshotOf("yan", 0, 1)).fresh == 0
    disk.reactor.advance(86_400)
    registered(subject, *(f"v{number}" for number in range(5)))
    later = subject.append(*(says("zoe", f"v{n}", 500 + n) for n in range(5)))
    assert all(isinstance(one, int) for one in later)
