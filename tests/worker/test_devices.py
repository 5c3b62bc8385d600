"""Devices and codes, as clients of a worker meet them: who gets in, and what ends a session."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred
from worker.conftest import Client, answered

from chatnet.codes import code_text, hashes_of, kept
from chatnet.entries import Draft, More
from chatnet.errors import (
    BadCode,
    BadRequest,
    BadSecret,
    BadText,
    BadTicket,
    CodeNeeded,
    Disabled,
    LastWay,
    NotInScope,
    WrongSecret,
)
from chatnet.kinds import CLUSTER
from chatnet.marks import UserMark
from chatnet.reads import CodeOf
from chatnet.wire import session as wire
from chatnet.wire.common import VERSION
from chatnet.wire.encode import PING
from chatnet.worker.gathered_marks import GATHER_SECONDS
from chatnet.worker.tries import MOST_NAMES, MOST_TRIES, Tries

CODE = "7KQM-2XWD-9TRP"
LAPTOP, PHONE = b"l" * 16, b"p" * 16
OLD, NEW = b"s" * 32, b"n" * 32
FAR = 1 << 60


def login(client: Client, device: bytes, secret: bytes = OLD, name: str = "alice", **more: Any) -> Any:
    return answered(begin(client, device, secret, name, **more))


def begin(client: Client, device: bytes, secret: bytes = OLD, name: str = "alice", **more: Any) -> Any:
    asked = {"version": VERSION, "name": name, "secret": secret, "new": True, "device": device, **more}
    return client.begin(wire.Login, **asked)


def order(worker: Any, kind: str, text: str, to: str = "", until: int = 0, number: int = 0) -> None:
    room = CLUSTER if kind == "revoke" else ""
    more = More(to=to, until=until) if to or until else None
    draft = Draft(kind, CLUSTER, room, text, b"%016d" % (number or len(worker.log.entries)), 0, more)
    outcomes: list[Any] = []
    worker.log.append([draft]).addCallback(outcomes.extend)
    assert outcomes == [len(worker.log.entries)]


def pair(client: Client, code: str = CODE, secret: bytes = OLD) -> Any:
    made = client.begin(wire.Pair, key=client.key(), code=bytes.fromhex(kept(code)), secret=secret)
    client._worker.work()
    return answered(made)


RECOVERIES = [f"0000-0000-0000-0000-0000-{number:04}" for number in range(16)]


def recovery(client: Client, codes: list[str] = RECOVERIES[:8], secret: bytes = OLD) -> Any:
    made = client.begin(wire.Recovery, key=client.key(), codes=hashes_of(codes), secret=secret)
    settle(client._worker)
    return answered(made)


def settle(worker: Any) -> None:
    """Let hashes be made, and whoever has to wait after wrong secrets."""
    for _ in range(3):
        worker.work()
        worker.pass_time(8)
    worker.work()


def recovers(worker: Any, code: str, secret: bytes, device: bytes = PHONE) -> Any:
    found = begin(worker.client(), device, secret, code=code)
    settle(worker)
    return answered(found)


def sessions(client: Client) -> list[tuple[int, str, bool]]:
    found = client.ask(wire.Sessions)["sessions"]
    return [(one.id, one.label, one.is_this) for one in found]


def revoke(client: Client, session: int, to: str | None = None) -> Any:
    return client.ask(wire.Revoke, key=client.key(), id=session, to=to)


def paired(worker: Any) -> tuple[Client, Client, Any]:
    """Return the laptop and the phone of alice, and what the phone was answered."""
    laptop, phone = worker.client(), worker.client()
    login(laptop, LAPTOP, label="laptop")
    pair(laptop)
    return laptop, phone, login(phone, PHONE, NEW, label="phone", code=CODE)


def kinds(worker: Any) -> list[str]:
    return [entry.kind for entry in worker.log.entries]


def test_a_login_adds_an_entry_for_a_new_device_alone(worker: Any) -> None:
    """However often somebody comes again, by secret or by ticket, nothing is added."""
    laptop, phone = worker.client(), worker.client()
    ticket = login(laptop, LAPTOP)["ticket"]
    login(phone, PHONE)
    assert kinds(worker) == ["register", "session"]
    for _ in range(5):
        login(worker.client(), LAPTOP)
        login(worker.client(), PHONE)
        worker.client().resume(ticket)
    assert kinds(worker) == ["register", "session"]
    assert sessions(laptop) == [(1, "", True), (2, "", False)]


def test_a_device_is_let_in_by_a_code(worker: Any) -> None:
    """It then has a secret of its own: the code is good once, and the other one's secret is not sent."""
    laptop, phone, answer = paired(worker)
    assert kinds(worker) == ["register", "code", "session"]
    assert sessions(phone) == [(1, "laptop", False), (3, "phone", True)]
    assert login(worker.client(), PHONE, NEW)
    assert worker.client().resume(answer["ticket"])["name"] == "alice"
    with pytest.raises(WrongSecret):
        login(worker.client(), b"x" * 16, NEW)
    found = begin(worker.client(), b"x" * 16, b"x" * 32, code=CODE)
    worker.work()
    with pytest.raises(BadCode):
        answered(found)
    assert laptop.post("hi") == 4


@pytest.mark.parametrize("purpose", ["invitation", "device", "recovery"])
def test_who_has_used_the_code_by_an_earlier_attempt_is_let_in(worker: Any, purpose: str) -> None:
    """That one may be under way, through another worker, when the account is looked up."""
    code = CODE
    if purpose == "invitation":
        order(worker, "code", code_text(kept(CODE), 1), until=FAR)
    else:
        laptop = worker.client()
        login(laptop, LAPTOP)
        if purpose == "device":
            pair(laptop)
        else:
            code = RECOVERIES[0]
            recovery(laptop)
    read, late, held = worker.log.read, Deferred[None](), list[Any]()

    async def slow(asked: Any) -> Any:
        if isinstance(asked, CodeOf) and not held:
            held.append(asked)
            await late
        return await read(asked)

    worker.log.read = slow
    found = begin(worker.client(), PHONE, NEW, code=code)
    assert recovers(worker, code, NEW)
    assert held
    assert not found
    entries = len(worker.log.entries)
    late.callback(None)
    settle(worker)
    assert answered(found)["name"] == "alice"
    assert len(worker.log.entries) == entries


def test_a_recovery_code_sets_a_new_password(worker: Any) -> None:
    """Once each: all other sessions end, the old password is none any more, and the other codes stay good. A
    program that keeps a secret of its own shows that."""
    laptop, password, newer = worker.client(), b"a good password", b"another password"
    login(laptop, LAPTOP)
    laptop.begin(wire.SetSecret, key=laptop.key(), old=OLD, secret=password)
    settle(worker)
    assert recovery(laptop, secret=password) == {"seq": 3}
    assert recovers(worker, RECOVERIES[0].lower().replace("-", " "), newer)
    assert not laptop.connected
    for shown, right in ((password, False), (newer, True)):
        found = begin(worker.client(), PHONE, shown)
        settle(worker)
        assert isinstance(found[0], dict) is right
    with pytest.raises(BadCode):
        recovers(worker, RECOVERIES[0], NEW)
    assert recovers(worker, RECOVERIES[5], NEW)
    assert login(worker.client(), LAPTOP, NEW)
    assert kinds(worker) == ["register", "secret", "code", "secret", "secret", "session"]
    assert not any(code.replace("-", "") in repr(worker.log.entries) for code in RECOVERIES)


def test_a_bad_password_uses_no_recovery_code_up(worker: Any) -> None:
    """One that anybody would guess is refused, and the code is good for a better one."""
    laptop = worker.client()
    login(laptop, LAPTOP)
    recovery(laptop)
    for bad in (b"password", b"short", b"\xff" * 9):
        with pytest.raises(BadSecret):
            recovers(worker, RECOVERIES[0], bad)
    assert recovers(worker, RECOVERIES[0], b"a good password")


def test_wrong_recovery_codes_are_slowed_down_as_wrong_passwords_are(worker: Any) -> None:
    """Each costs a hash, and whoever showed some waits before the right one is even looked at."""
    laptop = worker.client()
    login(laptop, LAPTOP)
    recovery(laptop)
    for wrong in RECOVERIES[8:12]:
        with pytest.raises(BadCode):
            recovers(worker, wrong, NEW)
    _, found = (begin(worker.client(), PHONE, NEW, code=code) for code in (RECOVERIES[12], RECOVERIES[0]))
    worker.work()
    assert not found
    settle(worker)
    assert answered(found)


def test_recovery_codes_are_made_by_who_shows_the_secret(worker: Any) -> None:
    """Neither by a ticket alone, nor by the secret that a device has for itself: when that is shut out,
    whoever has it must have no way back."""
    laptop, phone, _ = paired(worker)
    for client, secret in ((laptop, NEW), (phone, NEW)):
        with pytest.raises(WrongSecret):
            recovery(client, secret=secret)
    assert recovery(phone) == {"seq": 4}
    with pytest.raises(BadText, match="no two of them the same"):
        recovery(phone, RECOVERIES[:7] + RECOVERIES[:1])
    recovery(laptop, RECOVERIES[8:])
    with pytest.raises(BadCode):
        recovers(worker, RECOVERIES[0], b"x" * 32, b"x" * 16)
    assert kinds(worker) == ["register", "code", "session", "code", "code"]


def test_what_was_answered_and_lost_is_answered_again(worker: Any) -> None:
    """A client that did not hear that its code was taken comes again with the same secret."""
    _, phone, _ = paired(worker)
    phone.cut()
    assert login(worker.client(), PHONE, NEW, code=CODE)
    assert kinds(worker) == ["register", "code", "session"]


def test_a_revoked_session_is_hung_up(worker: Any) -> None:
    """With a sentence; its tickets and its secret are good no longer, and others are left in peace."""
    laptop, phone, answer = paired(worker)
    assert revoke(laptop, 3)["seq"] == 4
    worker.settle()
    assert not phone.connected
    assert phone.hears.ended == ["SESSION_ENDED"]
    with pytest.raises(BadTicket):
        worker.client().resume(answer["ticket"])
    with pytest.raises(WrongSecret):
        login(worker.client(), PHONE, NEW)
    assert laptop.connected
    assert sessions(laptop) == [(1, "laptop", True)]


def test_a_lost_device_is_shut_out(worker: Any) -> None:
    """The one that registered the name keeps its first secret: that opens nothing any more, either."""
    laptop, phone, _ = paired(worker)
    revoke(phone, 1)
    worker.settle()
    assert not laptop.connected
    with pytest.raises(WrongSecret):
        login(worker.client(), LAPTOP, OLD)
    with pytest.raises(LastWay):
        revoke(phone, 3)
    found = phone.begin(wire.SetSecret, key=phone.key(), old=NEW, secret=b"a good password")
    worker.work()
    assert "ticket" in answered(found)
    assert phone.post("hi")


def test_an_ended_session_posts_nothing_through_a_worker_behind(worker: Any) -> None:
    """Its draft is neither done nor refused: it is told that it has ended, and is hung up."""
    laptop, phone, _ = paired(worker)
    worker.log.lagging = True
    revoke(laptop, 3)
    found = phone.begin(wire.Post, key=phone.key(), text="late", room=None)
    worker.settle()
    assert not phone.connected
    assert found == [] or not isinstance(found[0], dict)
    assert "post" not in kinds(worker)
    assert phone.hears.ended == ["SESSION_ENDED"]


def test_a_session_that_ended_does_not_begin_on_a_worker_behind(worker: Any) -> None:
    """What was read of it and what the window says are put together."""
    laptop, _, answer = paired(worker)
    worker.log.reads_held = True
    client = worker.client()
    found = client.begin(wire.Resume, version=VERSION, ticket=answer["ticket"])
    [late] = [worker.log._reading.pop()]
    worker.log.reads_held = False
    revoke(laptop, 3)
    late.callback(None)
    worker.settle()
    with pytest.raises(BadTicket):
        answered(found)


def test_a_password_ends_the_other_sessions(worker: Any) -> None:
    """The one that set it goes on under a new one, on its device."""
    laptop, phone, answer = paired(worker)
    found = laptop.begin(wire.SetSecret, key=laptop.key(), old=OLD, secret=b"a good password")
    worker.work()
    seq = answered(found)["seq"]
    assert not phone.connected
    with pytest.raises(BadTicket):
        worker.client().resume(answer["ticket"])
    assert sessions(laptop) == [(seq, "laptop", True)]
    assert laptop.post("hi")


def test_a_reset_lets_the_owner_in_by_a_code(worker: Any) -> None:
    """What was there before is ended at once; the code is good once."""
    laptop, phone, answer = paired(worker)
    order(worker, "revoke", "0", to="alice")
    order(worker, "code", code_text(kept("0000-0000-0001"), 1), to="alice")
    worker.settle()
    assert not laptop.connected
    assert not phone.connected
    for device, secret in ((LAPTOP, OLD), (PHONE, NEW)):
        with pytest.raises(WrongSecret):
            login(worker.client(), device, secret)
    owner = worker.client()
    assert login(owner, LAPTOP, b"f" * 32, code="oooo 0000 ooo1")
    assert kinds(worker)[-1] == "secret"
    assert login(worker.client(), LAPTOP, b"f" * 32)
    assert owner.post("hi")
    with pytest.raises(BadTicket):
        worker.client().resume(answer["ticket"])


def test_who_repeats_a_draft_is_answered_whatever_became_of_their_secret(worker: Any) -> None:
    """It stands in the log; and what does not, is refused, and ends nobody's session. Here the secret of all
    devices is gone with the one that kept it, and the phone has its own."""
    _, phone, _ = paired(worker)
    revoke(phone, 1)
    made = {"key": phone.key(), "code": bytes.fromhex(kept(RECOVERIES[0][:14])), "secret": NEW}
    seqs = []
    for secret in (NEW, OLD, b"w" * 32):
        found = phone.begin(wire.Pair, **{**made, "secret": secret})
        settle(worker)
        seqs.append(answered(found)["seq"])
    assert seqs == [len(worker.log.entries)] * 3
    found = phone.begin(wire.Pair, **{**made, "key": phone.key(), "secret": OLD})
    settle(worker)
    with pytest.raises(WrongSecret, match="nothing was done"):
        answered(found)
    assert phone.post("still here")


def test_a_new_name_shows_a_code_where_the_policy_says_so(worker: Any) -> None:
    """Others are told what they need; who has a name needs none."""
    worker.client("bob")
    order(worker, "policy", "signup code")
    with pytest.raises(CodeNeeded):
        login(worker.client(), LAPTOP)
    order(worker, "code", code_text(kept(CODE), 1), until=FAR)
    assert login(worker.client(), LAPTOP, code=CODE.lower().replace("-", " "))
    assert worker.client().login("bob")


def test_all_bad_codes_are_refused_alike(worker: Any) -> None:
    """Unknown, used up, for another name, no code at all: one sentence, and each guess costs a hash but for
    what nobody could take for a code."""
    order(worker, "code", code_text(kept(CODE), 1), until=FAR)
    order(worker, "code", code_text(kept("0000-0000-0001"), 1), to="dora")
    login(worker.client(), LAPTOP, code=CODE)
    for name, code in (("bob", CODE), ("bob", "0000-0000-0002"), ("bob", "0000-0000-0001"), ("alice", CODE)):
        found = begin(worker.client(), PHONE, b"x" * 32, name, code=code)
        assert not found
        worker.work()
        worker.pass_time(8)
        worker.work()
        with pytest.raises(BadCode, match="not good here"):
            answered(found)
    with pytest.raises(BadCode, match="not good here"):
        login(worker.client(), PHONE, name="bob", code="no code")


def test_a_code_for_a_device_is_tried_five_times(worker: Any) -> None:
    """Then not even the right one lets in, for ten minutes."""
    laptop = worker.client()
    login(laptop, LAPTOP)
    pair(laptop)
    for code in [*(f"0000-0000-000{number}" for number in range(MOST_TRIES)), CODE]:
        found = begin(worker.client(), PHONE, NEW, code=code)
        worker.work()
        worker.pass_time(8)
        worker.work()
        with pytest.raises(BadCode):
            answered(found)


def test_tries_are_counted_for_a_while() -> None:
    """Of each name; of as many names as may be remembered."""
    tries = Tries(600)
    for second in range(MOST_TRIES):
        assert tries.may_try(second, "alice")
        tries.failed(second, "alice")
    assert not tries.may_try(603, "alice")
    assert tries.may_try(603, "bob")
    assert tries.may_try(604, "alice")
    for number in range(MOST_NAMES + 5):
        tries.failed(700, f"n{number}")
    assert len(tries) == MOST_NAMES


@pytest.mark.parametrize(
    ("scope", "may"), [("read", {"read"}), ("post", {"post"}), ("all", {"read", "post"})]
)
def test_a_session_does_what_it_was_begun_for(worker: Any, scope: str, may: set[str]) -> None:
    """Also when it comes again by a ticket."""
    login(worker.client(), LAPTOP)
    client = worker.client()
    ticket = login(client, PHONE, scope=scope)["ticket"]
    again = worker.client()
    again.resume(ticket)
    for one in (client, again):
        attempts: dict[str, Any] = {
            "post": lambda one=one: one.post("hi"),
            "join": lambda one=one: one.join(f"#{id(one)}"),
            "read": lambda one=one: one.ask(wire.History, room="alice", before=None),
            "mark": lambda one=one: one.ask(wire.Mark, room="alice", seq=1),
        }
        allowed = may | ({"join", "mark"} if scope == "all" else set())
        for what, attempt in attempts.items():
            if what in allowed:
                attempt()
            else:
                with pytest.raises(NotInScope):
                    attempt()
    with pytest.raises(BadRequest):
        login(worker.client(), b"x" * 16, scope="admin")


EVERYTHING = {"Deliver", "Ping with a cursor", "Marked", "Membership", "Rewound", "Moved", "Ended"}


@pytest.mark.parametrize(
    ("scope", "hears"), [("all", EVERYTHING), ("read", EVERYTHING), ("post", {"Moved", "Ended"})]
)
def test_a_session_is_told_unasked_what_it_was_begun_for(worker: Any, scope: str, hears: set[str]) -> None:
    """The names of places, where the log is, and what is said are for those that may ask: also when they come
    again by a ticket, and whatever the client has tried."""
    laptop, bob, first, again = (worker.client() for _ in range(4))
    login(laptop, LAPTOP)
    login(bob, b"b" * 16, name="bob")
    again.resume(login(first, PHONE, scope=scope)["ticket"])
    devices = (first, again)
    for client in (laptop, *devices):
        for asked in (wire.Chat, wire.Unchat, wire.Chat):
            client.begin(asked)
    seq = bob.post("psst", "@alice")
    laptop.ask(wire.Mark, room="@bob", seq=seq)
    laptop.join("#tea")
    worker.pass_time(GATHER_SECONDS + 1)
    worker.sessions.marks.told([UserMark("alice", "&ops", 1)])
    pinged = [client.server.locator.ping() for client in devices]
    for session in list(worker.sessions.open):
        session.peer.moved()
        session.rewound(worker.at(1))
    order(worker, "disable", "", to="alice")
    worker.settle()
    for client, ping in zip(devices, pinged, strict=True):
        told = client.hears
        found = {
            "Deliver": told.posts,
            "Ping with a cursor": ping != PING,
            "Marked": told.marked,
            "Membership": told.stays,
            "Rewound": told.rewound,
            "Moved": told.moved,
            "Ended": told.ended,
        }
        assert {what for what, came in found.items() if came} == hears
        assert told.marked in ([], [("@bob", seq), ("&ops", 1)])


def test_a_disabled_account_is_shut_out(worker: Any) -> None:
    """Its sessions end with a sentence, and none begins until it is enabled."""
    laptop, _, answer = paired(worker)
    order(worker, "disable", "", to="alice")
    worker.settle()
    assert not laptop.connected
    assert laptop.hears.ended == ["DISABLED"]
    for attempt in (
        lambda: worker.client().resume(answer["ticket"]),
        lambda: login(worker.client(), LAPTOP),
    ):
        with pytest.raises(Disabled):
            attempt()
    order(worker, "enable", "", to="alice")
    assert login(worker.client(), LAPTOP)


def test_nothing_of_a_code_is_kept_but_its_hash(worker: Any) -> None:
    """Neither in the log nor in what sessions are told."""
    _, phone, _ = paired(worker)
    letters = CODE.replace("-", "").encode()
    assert sha256(letters).hexdigest() == kept(CODE)
    said = repr(worker.log.entries) + repr(worker.log.state.sessions) + repr(phone.ask(wire.Sessions))
    assert CODE not in said
    assert letters.decode() not in said


def test_a_session_that_reads_changes_no_secret(worker: Any) -> None:
    """Nor does it forget its user; it goes on."""
    login(worker.client(), LAPTOP)
    client = worker.client()
    login(client, PHONE, scope="read")
    for _ in range(2):
        with pytest.raises(NotInScope):
            client.ask(wire.SetSecret, key=client.key(), old=OLD, secret=b"a good password")
        with pytest.raises(NotInScope):
            client.ask(wire.Forget, key=client.key(), secret=OLD)
    assert client.ask(wire.History, room="alice", before=None)["posts"] == []
    poster = worker.client()
    login(poster, b"x" * 16, scope="post")
    found = poster.begin(wire.SetSecret, key=poster.key(), old=OLD, secret=b"a good password")
    worker.work()
    with pytest.raises(NotInScope):
        answered(found)
    assert poster.post("hi")


@pytest.mark.parametrize(("kind", "code"), [("ban", "BARRED"), ("disable", "DISABLED")])
def test_who_is_shut_out_posts_nothing_through_a_worker_behind(worker: Any, kind: str, code: str) -> None:
    """The log drops it though the worker has not heard of it; and the session ends with the sentence."""
    laptop, phone, _ = paired(worker)
    worker.log.lagging = True
    order(worker, kind, "", to="alice")
    for client in (laptop, phone):
        found = client.begin(wire.Post, key=client.key(), text="late", room=None)
        worker.settle()
        assert found == [] or not isinstance(found[0], dict)
        assert not client.connected
        assert client.hears.ended == [code]
    assert "post" not in kinds(worker)


@pytest.mark.parametrize("since", [[], ["end"]], ids=["behind", "a part followed"])
@pytest.mark.parametrize(
    ("end", "lifted"),
    [
        (Draft("ban", CLUSTER, "", "", b"e" * 16, 0, More(to="alice")), "unban"),
        (Draft("disable", CLUSTER, "", "", b"e" * 16, 0, More(to="alice")), "enable"),
        (Draft("revoke", CLUSTER, CLUSTER, "0", b"e" * 16, 0, More(to="alice")), ""),
    ],
    ids=lambda what: getattr(what, "kind", None),
)
def test_what_was_over_when_one_came_in_ends_nothing(
    worker: Any, end: Draft, lifted: str, since: list[str]
) -> None:
    """A worker that is behind follows later what had kept somebody out, or ended their sessions, when they
    have been let in again already; what ends their session after that, does."""
    ticket = login(worker.client(), LAPTOP)["ticket"]
    worker.log.lagging = True
    worker.log.append([end])
    if since:
        worker.log.catch_up()
        worker.settle()
    if lifted:
        order(worker, lifted, "", to="alice")
    client = worker.client()
    if lifted:
        client.resume(ticket)
    else:
        order(worker, "code", code_text(kept(CODE), 1), to="alice")
        login(client, LAPTOP, NEW, code=CODE)
    worker.log.lagging = False
    worker.log.catch_up()
    worker.settle()
    assert client.connected
    assert client.post("hi")
    worker.log.append([replace(end, key=b"f" * 16)])
    worker.settle()
    assert not client.connected


@pytest.mark.parametrize(
    "end",
    [
        Draft("revoke", CLUSTER, CLUSTER, "0", b"e" * 16, 0, More(to="alice")),
        Draft("ban", CLUSTER, "", "", b"e" * 16, 0, More(to="alice")),
        Draft("disable", CLUSTER, "", "", b"e" * 16, 0, More(to="alice")),
        Draft("forget", CLUSTER, "", "", b"e" * 16, 0, More(to="alice")),
        Draft("secret", "alice", "alice", "sha256:1", b"e" * 16),
    ],
    ids=lambda draft: draft.kind,
)
def test_an_ended_session_hears_nothing_of_the_same_batch(worker: Any, end: Draft) -> None:
    """What stands before its end in the batch it hears, and nothing behind it; others hear all of it."""
    alice, bob, carol = (worker.client(name) for name in ("alice", "bob", "carol"))
    for client in (alice, carol):
        client.join("bob")
        client.chat()
    before, behind = (Draft("post", "bob", "bob", text, b"%016d" % at) for at, text in enumerate(("1", "2")))
    worker.log.append([before, end, behind])
    worker.settle()
    assert [post.text for post in alice.hears.posts if post.kind == "post"] == ["1"]
    assert [post.text for post in carol.hears.posts if post.kind == "post"] == ["1", "2"]
    assert bob.hears.posts == []


def test_a_ticket_alone_makes_no_secret(worker: Any) -> None:
    """Who has stolen one can neither let in a device of their own, nor set or end anything by it."""
    ticket = login(worker.client(), LAPTOP)["ticket"]
    thief = worker.client()
    thief.resume(ticket)
    for secret in (NEW, b"", b"t" * 32):
        with pytest.raises(WrongSecret, match="nothing was done"):
            pair(thief, secret=secret)
    assert kinds(worker) == ["register"]
    pair(thief, secret=OLD)
    assert kinds(worker) == ["register", "code"]


def test_a_code_that_was_made_is_not_refused_when_it_is_asked_for_again(worker: Any) -> None:
    """Its answer was lost, and meanwhile there is another secret: the log knows the key. Nothing new is done
    by the old one, nor is the session ended."""
    password, other = b"a good password", "0000-0000-0009"
    laptop = worker.client()
    login(laptop, LAPTOP)

    def asked(command: Any, key: bytes, **more: Any) -> Any:
        found = laptop.begin(command, key=key * 16, **more)
        worker.work()
        worker.pass_time(8)  # wrong ones are answered in their time
        worker.work()
        return found

    made = {"key": b"c", "code": bytes.fromhex(kept(CODE)), "secret": OLD}
    assert answered(asked(wire.Pair, **made)) == {"seq": 2}
    assert answered(asked(wire.SetSecret, b"s", old=OLD, secret=password))["seq"] == 3
    assert answered(asked(wire.Pair, **made)) == {"seq": 2}
    code = bytes.fromhex(kept(other))
    for wrong in (asked(wire.Pair, b"d", code=code, secret=OLD), asked(wire.Forget, b"f", secret=OLD)):
        assert wrong[0].check(WrongSecret)
    assert answered(asked(wire.Pair, b"e", code=code, secret=password)) == {"seq": 4}
    assert kinds(worker) == ["register", "code", "secret", "code"]
