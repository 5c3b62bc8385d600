"""Each bound of docs/operations.md is attacked, and honest users must not notice."""

from __future__ import annotations

import json
import os
import re
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from a_pair import DAY, certificates, new_authority
from a_pair import key as private_key
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from hostile.attacker import Line, Mallory, again, box, closing, flood
from hostile.opening import Opening, a_place
from web.raw_frames import MORE, PING, TEXT, frame

from chatnet.net.pair import KeyPair
from chatnet.net.tls import MOST_CERTIFICATE_BYTES
from chatnet.wire.common import VERSION
from rigs.beside import Beside
from rigs.processes import free_port, wait_until

SECONDS = 2.5
"""How long an attack lasts."""
NAMES, FORGOTTEN = "60", 12
"""How many new names the cluster takes in ten minutes, of which the honest users take eighteen; and how many
are forgotten."""
MOST_KEPT = 1500
"""How many connections an attacker keeps: its own limit of open files allows no more."""
PASSWORD = b"an honest password"

DOCUMENT = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()

numbers = count()


def key() -> bytes:
    return os.urandom(16)


def targets(beside: Beside) -> list[int]:
    """Return the ports of the primary and of one worker. They are attacked one after the other: two
    processors have no time for four busy processes, the attack and the users. That would be the machine's
    bound."""
    return [beside.master, beside.workers()[0]]


def sessions(beside: Beside, size: int, ports: Sequence[int] = ()) -> list[Line]:
    """Log one user in ``size`` times, on the workers at ``ports``, or on all."""
    mallory, ports = Mallory(f"mallory{next(numbers)}"), ports or beside.workers()
    return [mallory.log_in(ports[at % len(ports)]) for at in range(size)]


# ---- the attacks ----


def many_strangers(beside: Beside) -> None:
    """Open connections that say nothing, as fast as the server takes them, and send half boxes."""
    for port in targets(beside):
        with closing([]) as kept:

            def come(number: int, port: int = port, kept: list[Line] = kept) -> None:
                if len(kept) == MOST_KEPT:
                    kept.pop(0).close()
                kept.append(Line(port))
                kept[-1].say(b"\0\x05_comm"[: number % 8])

            again(come, SECONDS / 2)


def busy_strangers(beside: Beside) -> None:
    """Send commands before login, most without asking for an answer."""
    said = (box(command="Ping") + box(command="Locate", version=VERSION)) * 500
    for port in targets(beside):
        flood([Line(port) for _ in range(60)], said, SECONDS / 2, reads=False)


def busy_users(beside: Beside) -> None:
    """Send the same after login."""
    said = (box(command="Unchat") + box(command="Nonsense")) * 500
    flood(sessions(beside, 40, beside.workers()[:1]), said, SECONDS, reads=False)


def large_boxes(beside: Beside) -> None:
    """Send boxes of tiny keys, large boxes that do not end, and lengths larger than what follows."""
    tiny = b"".join(b"\0\x03%03x\0\0" % number for number in range(4000))
    huge = b"\0\x04_ask\0\x011" + b"\0\x01a\xff\xff" + b"x" * 65535

    def send(number: int) -> None:
        for port in targets(beside):
            with closing([Line(port)]) as [line]:
                line.say((tiny, huge, b"\0\xff" + b"k" * 200)[number % 3])

    again(send, SECONDS)
    flood(sessions(beside, 10), tiny, SECONDS / 2)


def unread_answers(beside: Beside) -> None:
    """Ask questions with long answers, and do not read the answers."""
    questions = box(command="List", ask="1", prefix="", after="") * 50
    questions += box(command="History", ask="2", room="user1") * 50
    flood(sessions(beside, 20), questions, SECONDS, reads=False)


def repeated_chats(beside: Beside) -> None:
    """Send Chat from the beginning again and again, before the pages of the last one have come."""
    lines = sessions(beside, 12)
    check = sha256(f"{_log_id(beside)}|0||".encode()).digest()[:8]
    flood(lines, box(command="Chat", ask="1", cursor=0, check=check) * 20, SECONDS)


def fleeting_readers(beside: Beside) -> None:
    """Connect, ask for a page, and leave before it comes."""
    mallory, ports = Mallory(f"mallory{next(numbers)}"), beside.workers()
    check = sha256(f"{_log_id(beside)}|0||".encode()).digest()[:8]

    def visit(number: int) -> None:
        with closing([mallory.log_in(ports[number % len(ports)])]) as [line]:
            line.say(box(command="Chat", ask="1", cursor=0, check=check))
            line.say(box(command="History", ask="2", room="user1") * 5)

    again(visit, SECONDS)


def _log_id(beside: Beside) -> str:
    with closing([Line(beside.master)]) as [line]:
        return line.ask("Locate", version=VERSION)[b"log"].decode()


def fast_posts(beside: Beside) -> None:
    """Post as fast as possible, on several sessions of each of two users."""
    lines = [line for _ in range(2) for line in sessions(beside, 5)]

    def post(number: int) -> None:
        for line in lines:
            line.say(box(command="Post", key=key(), ask=str(number), text=f"{number} " + "x" * 1500))

    for line in lines:
        line.socket.setblocking(False)
    with closing(lines):
        again(post, SECONDS)


def many_topics(beside: Beside) -> None:
    """Name topics that nobody needs, in posts and in joins."""
    [line] = sessions(beside, 1)
    with closing([line]):

        def make(number: int) -> None:
            words = " ".join(f"#t{next(numbers)}x{number}" for _ in range(20))
            line.ask("Post", key=key(), text=words)
            line.ask("Join", key=key(), room=f"#j{next(numbers)}")

        again(make, SECONDS)


def many_rooms(beside: Beside) -> None:
    """Make private rooms, invite people, and order them about, until the day's number is used up; then go on:
    what is refused is kept."""
    [line] = sessions(beside, 1)
    codes, reports = set[bytes | None](), set[bytes | None]()
    victim, its_key = Mallory(f"mallory{next(numbers)}"), key()
    with closing([line, said := victim.log_in(beside.workers()[0])]):
        seq = int(said.ask("Post", key=its_key, text="hi")[b"seq"])
        which = f"{_log_id(beside)}|{seq}|{victim.name}|".encode() + its_key
        check = sha256(which).digest()[:8]

        def make(number: int) -> None:
            room = f"&r{next(numbers)}x{number}"
            answer = line.ask("Create", key=key(), room=room, history="all")
            codes.add(answer.get(b"_error_code"))
            line.ask("Invite", key=key(), room=room, to="nobody-at-all")
            line.ask("Ban", key=key(), room="#everything", to="nobody-at-all", mute=0)
            line.ask("Redact", key=key(), seq=1 + number, check=b"8 bytes.")
            line.ask("Members", room=room, after="")
            report = line.ask("ReportPost", key=key(), seq=seq, check=check)
            reports.add(report.get(b"_error_code"))
            line.ask("SetPolicy", key=key(), room=room, name="invite", value="members")
            line.ask("WhoIs", name=victim.name)
            line.ask("Invitations", after="")

        again(make, SECONDS)
    assert reports == {None, b"TOO_MANY_TODAY"}
    assert codes == {None, b"TOO_MANY_TODAY"}


def many_orders(beside: Beside) -> None:
    """Describe a topic, and block and unblock somebody, as fast as the rate of posts lets it be done."""
    lines = sessions(beside, 2)
    [room, other] = f"#o{next(numbers)}", Mallory(f"mallory{next(numbers)}")
    with closing([*lines, other.log_in(beside.workers()[0])]):
        lines[0].ask("Join", key=key(), room=room)

        def order(number: int) -> None:
            told = [
                lines[0].ask("Describe", key=key(), room=room, text=f"words {number}"),
                lines[1].ask("Block" if number % 2 else "Unblock", key=key(), to=other.name),
            ]
            assert all(b"_error" not in answer for answer in told)

        again(order, SECONDS)


def many_purges(beside: Beside) -> None:
    """As a moderator of the server, purge everywhere until the day's number is used up: all who chat are told
    of each, and all processes look through what they hold."""
    mallory, target = (Mallory(f"mallory{next(numbers)}") for _ in range(2))
    refused: list[bytes | None] = []
    ports = beside.workers()
    with closing([mallory.log_in(ports[0]), target.log_in(ports[-1])]) as [line, other]:
        operate(beside, "role", mallory.name, "moderator")

        def purge(number: int) -> None:
            other.say(box(command="Post", key=key(), ask=str(number), text="x" * 1500))
            refused.append(line.ask("Purge", key=key(), to=target.name).get(b"_error_code"))

        again(purge, 3 * SECONDS)
    assert refused.count(None) <= 200
    assert set(refused) == {None, b"TOO_MANY_TODAY"}


def many_refusals(beside: Beside) -> None:
    """Make rooms that are taken, on some sessions, until no more is told; and leave what is not there."""
    [other] = sessions(beside, 1)
    names = [f"&r{next(numbers)}" for _ in range(15)]
    with closing([other, *sessions(beside, 4, beside.workers()[:1])]) as [maker, *lines]:
        for name in names:
            assert b"seq" in maker.ask("Create", key=key(), room=name, history="all")
        told: list[bytes] = []

        def look(number: int) -> None:
            line = lines[number % len(lines)]
            line.say(
                box(command="Create", ask=f"r{number}", key=key(), room=names[number % 15], history="all")
            )
            line.say(box(command="Leave", ask=f"l{number}", key=key(), room="#nowhere"))
            line.socket.setblocking(False)
            with suppress(BlockingIOError):
                told.append(line.socket.recv(65536))

        again(look, SECONDS)
    assert 1 <= b"".join(told).count(b"ROOM_TAKEN") <= 20


def many_marks(beside: Beside) -> None:
    """Mark a hundred rooms again and again, and ask for the marks, which wants them kept at once. And mark
    conversations that nobody ever began, each of them once."""
    lines = sessions(beside, 4)
    rooms = [f"#m{next(numbers)}" for _ in range(100)]
    for room in rooms:
        lines[0].ask("Join", key=key(), room=room)
    said = b"".join(
        box(command="Mark", ask=str(number), room=room, seq=number + 1) for number, room in enumerate(rooms)
    )
    flood(lines, (said + box(command="Unread", ask="m", after="")) * 10, SECONDS)
    with closing(sessions(beside, 4)) as lines:

        def invent(number: int) -> None:
            line, room = lines[number // 200 % 4], f"@z{next(numbers)}x{number}"
            line.say(box(command="Mark", ask=f"z{number}", room=room, seq=1))
            if number % 200 == 199:
                line.ask("Unread", after="")

        again(invent, SECONDS)


def new_names(beside: Beside) -> None:
    """Register names as fast as the cluster gives them."""
    ports, refused = beside.workers(), set()

    def register(number: int) -> None:
        with closing([Line(ports[number % len(ports)])]) as [line]:
            name = f"squatter{next(numbers)}"
            answer = line.ask("Login", version=VERSION, name=name, secret=os.urandom(32), new=1)
            refused.add(answer.get(b"_error_code"))

    again(register, SECONDS)
    assert b"TRY_LATER" in refused


def uninvited_names(beside: Beside) -> None:
    """Register names as fast as one can, where nobody comes in without a code."""
    ports, refused = beside.workers(), set()
    operate(beside, "signup", "code")

    def register(number: int) -> None:
        said = box(command="Login", ask="1", version=VERSION, name=f"w{number}", secret=os.urandom(32), new=1)
        with closing([Line(ports[number % len(ports)])]) as [line]:
            line.say(said)
            refused.add(line.ask("Login", version=VERSION, name="w", secret=b"s" * 32, new=1)[b"_error_code"])

    again(register, SECONDS)
    assert refused <= {b"CODE_NEEDED", b"NOT_ALLOWED"}
    operate(beside, "signup", "open")


def operate(beside: Beside, *words: str) -> None:
    """Give an operator's order."""
    cluster = beside.cluster
    status, output = cluster.run("chatnet", *words, "--master", cluster.address, "--data", str(cluster.data))
    assert status == 0, output


def wrong_passwords(beside: Beside) -> None:
    """Guess an honest user's secret, and a password."""
    ports, owner = beside.workers(), Mallory(f"mallory{next(numbers)}")
    with closing([owner.log_in(ports[0])]) as [line]:
        assert b"ticket" in line.ask("SetSecret", key=key(), old=owner.secret, secret=PASSWORD)
    names = ("user1", owner.name)
    lines = [Line(port) for port in ports for _ in range(8)]

    def guess(number: int) -> None:
        line = lines[number % len(lines)]
        said = box(
            command="Login", ask="1", version=VERSION, name=names[number % 2], secret=b"a wrong one", new=0
        )
        if not line.say(said):
            lines[number % len(lines)] = Line(ports[number % len(ports)])

    for line in lines:
        line.socket.settimeout(1)
    with closing(lines):
        again(guess, SECONDS)


def wrong_codes(beside: Beside) -> None:
    """Guess codes, for names that are free, for an honest user, and for one who lets a device in just now."""
    ports, owner = beside.workers(), Mallory(f"mallory{next(numbers)}")
    lines = [Line(port) for port in ports for _ in range(8)]
    with closing([owner.log_in(ports[0]), *lines]) as [line, *_]:
        assert b"seq" in line.ask("Pair", key=key(), code=os.urandom(32), secret=owner.secret)
        names = ("user1", owner.name, f"squatter{next(numbers)}")

        def guess(number: int) -> None:
            code = f"{number:012}" if number % 2 else f"{number:024}"
            said: dict[str, bytes | str | int] = {"name": names[number % 3], "code": code}
            said["secret"] = os.urandom(32)
            if not lines[number % len(lines)].say(
                box(command="Login", ask="1", version=VERSION, new=1, **said)
            ):
                lines[number % len(lines)] = Line(ports[number % len(ports)])

        for one in lines:
            one.socket.settimeout(1)
        again(guess, SECONDS)
        assert b"seq" in line.ask("Post", key=key(), text="still here")


def many_codes(beside: Beside) -> None:
    """Make codes for other devices, and for recovery, until the day's number is used up, and go on."""
    mallory = Mallory(f"mallory{next(numbers)}")
    codes: set[bytes | None] = set()
    with closing([mallory.log_in(beside.workers()[0])]) as [line]:

        def make(number: int) -> None:
            paired = line.ask("Pair", key=key(), code=os.urandom(32), secret=mallory.secret)
            codes.add(paired.get(b"_error_code"))
            made = line.ask("Recovery", key=key(), codes=os.urandom(256), secret=mallory.secret)
            codes.add(made.get(b"_error_code"))
            line.ask("MakeCode", key=key(), code=os.urandom(32), uses=10_000, until=1 << 60)
            line.ask("Sessions")

        again(make, 3 * SECONDS)
    assert None in codes
    assert codes <= {None, b"TOO_MANY_TODAY"}


def many_devices(beside: Beside) -> None:
    """Log in on a new device each time, and shut it out again to make room."""
    mallory, ports = Mallory(f"mallory{next(numbers)}"), beside.workers()
    refused: set[bytes | None] = set()
    with closing([mallory.log_in(ports[0])]) as [line]:

        def come(number: int) -> None:
            known: dict[str, bytes | str | int] = {"version": VERSION, "name": mallory.name, "new": 0}
            known["secret"] = mallory.secret
            with closing([Line(ports[number % len(ports)])]) as [other]:
                answer = other.ask("Login", device=os.urandom(16), label="x" * 40, **known)
                refused.add(answer.get(b"_error_code"))

        again(come, SECONDS)
        assert b"seq" in line.ask("Post", key=key(), text="still here")
    assert b"TOO_MANY_SESSIONS" in refused


def many_forgotten(beside: Beside) -> None:
    """Have users forgotten who have just said a lot, one after the other, and ask with wrong secrets, too."""
    ports = beside.workers()
    [other] = sessions(beside, 1)
    with closing([other]):

        def forget(number: int) -> None:
            other.ask("Forget", key=key(), secret=os.urandom(32))
            if number >= FORGOTTEN:
                return
            mallory = Mallory(f"mallory{next(numbers)}")
            with closing([mallory.log_in(ports[number % len(ports)])]) as [line]:
                for _ in range(20):
                    line.ask("Post", key=key(), text="x" * 1500)
                line.say(box(command="Forget", ask="9", key=key(), secret=mallory.secret))

        again(forget, SECONDS)


def many_hashes(beside: Beside) -> None:
    """Set passwords again and again, on many sessions."""
    lines = [line for _ in range(5) for line in sessions(beside, 4)]
    flood(lines, box(command="SetSecret", key=key(), ask="1", old=PASSWORD, secret=PASSWORD) * 5, SECONDS)


def many_sessions(beside: Beside) -> None:
    """Log one user in more often than anybody needs."""
    mallory, ports = Mallory(f"mallory{next(numbers)}"), beside.workers()
    with closing([mallory.log_in(ports[0])]) as kept:

        def come(number: int) -> None:
            kept.append(mallory.log_in(ports[number % len(ports)]))

        again(come, SECONDS)


def passing_users(beside: Beside) -> None:
    """Log in, begin to receive posts and leave, again and again."""
    mallory, ports = Mallory(f"mallory{next(numbers)}"), beside.workers()

    def pass_by(number: int) -> None:
        with closing([mallory.log_in(ports[number % len(ports)])]) as [line]:
            line.ask("Chat")

    again(pass_by, SECONDS)


def costly_texts(beside: Beside) -> None:
    """Post texts that take long to fold, match or compose."""
    [line] = sessions(beside, 1)
    marks = "\u0301\u0323" * 16000
    mean = ("#" + "\u0f71\u0f72" * 900, "@#" * 1000, "#x" * 1000, "\u1100" * 2000, "#" + "\u200b" * 1990)
    with closing([line]):

        def say(number: int) -> None:
            line.ask("List", prefix=f"#{marks}", after=marks)
            line.ask("Join", key=key(), room=f"#a{marks}")
            line.ask("History", room=marks)
            line.ask("Post", key=key(), text=mean[number % len(mean)])

        again(say, SECONDS)


def junk(beside: Beside) -> None:
    """Send what is no AMP, and command names that a terminal would obey, on one connection after another."""
    ports = [beside.master, *beside.workers()]
    nasty = box(command=b"\x1b[2J\n" + b"X" * 3000) + box(command="Login", ask=b"\n\x1b]0;", version="\x1b")

    def send(number: int) -> None:
        with closing([Line(ports[number % len(ports)])]) as [line]:
            line.say(b"GET / HTTP/1.1\r\nHost: \x1b[31m\r\n\r\n" if number % 2 else nasty)

    again(send, SECONDS)


def browsers(beside: Beside) -> None:
    """Ask by HTTP, and speak WebSocket, as no browser does: too large, too slow, too much at once, unread."""
    port = beside.web
    headers = _headers(port)
    ticket = _ticket(port, "all")
    upgrade = (
        f"GET /ws HTTP/1.1\r\n{headers}Authorization: Bearer {ticket}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode() + frame(TEXT, b'{"t":"hello","v":1}')
    asked = frame(TEXT, b'{"t":"history","id":1,"room":"user1"}')
    floods = [
        upgrade + frame(PING, b"x" * 125) * 500,
        upgrade + asked * 200,
        upgrade + frame(TEXT, b"{" * 60_000) * 5,
        upgrade + frame(TEXT, b"", fin=False) + frame(MORE, b"", fin=False) * 2_000,
        f"GET /healthz HTTP/1.1\r\n{headers}\r\n".encode() * 500,
        _posted(headers, b'{"a":' * 10_000) * 3,
    ]
    flood([Line(port) for _ in range(60)], floods[0], SECONDS / 6, reads=False)
    for data in floods[1:]:
        flood([Line(port) for _ in range(30)], data, SECONDS / 6, reads=False)
    pieces = [
        b"GET / HTTP/1.1\r\nx: " + b"x" * 16_000,
        b"POST / HTTP/1.1\r\nContent-Length: 65536\r\n\r\n",
        b"G",
    ]
    with closing([]) as kept:

        def come(number: int) -> None:
            if len(kept) == MOST_KEPT:
                kept.pop(0).close()
            kept.append(Line(port))
            kept[-1].say(pieces[number % len(pieces)])

        again(come, SECONDS / 2)


EVER = b"timestamp=1970-01-01T00:00:00.000Z timestamp=2100-01-01T00:00:00.000Z"


def irc(beside: Beside) -> None:
    """Speak IRC as no client does: endless lines, floods of what costs most, unread, and half a login."""
    port, name = beside.irc, f"mallory{next(numbers)}"
    who = f"PASS :{PASSWORD.decode()}\r\nNICK {name}\r\nUSER m 0 * :m\r\nJOIN #irc\r\n".encode()
    device = who.replace(b"USER m ", b"USER m@phone ")
    line = _come_by_irc(port, who)
    floods = [
        b"CAP LS 302\r\n" * 2_000,
        b"x" * 500_000,
        b"\xff\0" * 100 + b"\r\n" * 10_000,
        who + b"NAMES #irc\r\nWHO *\r\nLIST\r\nWHOIS m\r\n" * 500,
        who + b"CHATHISTORY LATEST #irc * 1000\r\nCHATHISTORY TARGETS %s 9\r\n" % EVER * 250,
        who + b"AWAY :x\r\nAWAY\r\nSETNAME :x\r\n" * 500,
        who + b"PRIVMSG #irc :x\r\nPING x\r\nNONSENSE\r\n" * 1_000,
        who + b"JOIN #irc,#a/b\r\nNICK m\r\nPART #nothing\r\nMARKREAD #irc\r\nMODE #irc b\r\n" * 300,
        device + b"".join(b"PONG c%d\r\nPRIVMSG #irc :x\r\n" % number for number in range(1_000)),
        who + b"".join(b"CAP REQ :%s\r\n" % cap for cap in (b"server-time", b"message-tags", b"batch")) * 500,
        # Not answered: nothing tells that nobody is left, until all is carried out, 20 lines a second.
        who + b"MONITOR + " + b",".join(b"u%d" % number for number in range(90)) + b"\r\nMONITOR C\r\n" * 150,
    ]
    for data in floods:
        flood([Line(port) for _ in range(30)], data, SECONDS / 6, reads=False)
    pieces = [b"", b"N", b"AUTHENTICATE PLAIN\r\nAUTHENTICATE " + b"A" * 399, b"@" + b"x" * 4_000, who[:40]]
    with closing([]) as kept:

        def come(number: int) -> None:
            if len(kept) == MOST_KEPT:
                kept.pop(0).close()
            kept.append(Line(port))
            kept[-1].say(pieces[number % len(pieces)])

        again(come, SECONDS / 2)
    message = b64encode(f"\0{name}\0a wrong one".encode())
    wrong = b"AUTHENTICATE PLAIN\r\nAUTHENTICATE %s\r\n" % message
    again(lambda number: Line(port).say(wrong * 5), SECONDS / 2)
    line.close()


def many_certificates(beside: Beside) -> None:
    """Show certificates that cost as much as they may, or more, without end, or with an endless chain; log in
    by one that is nobody's; and register and remove one's own all the time."""
    port, name, now = beside.irc, f"mallory{next(numbers)}", datetime.now(UTC)
    authority = new_authority(now - 9 * DAY, now + 9 * DAY)
    chain = [authority.appoint(now).pair.certificate for _ in range(20)]
    pairs = [
        authority.vouch(name, now - DAY, now + DAY, key=rsa.generate_private_key(65537, 2048), **more)
        for more in ({}, {"chain": chain}, {"padding": MOST_CERTIFICATE_BYTES})
    ]
    comes = [_by_tls(pair) for pair in pairs]
    own = Line(port)
    comes[0](own)
    who = f"PASS :{PASSWORD.decode()}\r\nNICK {name}\r\nUSER m 0 * :m\r\nCERT ADD\r\nPING done\r\n"
    own.say(who.encode())
    wait_until("it is registered", lambda: b"done" in own.socket.recv(65536))
    again_and_again = (
        b"CERT DEL %s\r\nCERT ADD\r\nCERT\r\n"
        % pairs[0].certificate.fingerprint(hashes.SHA256()).hex().encode()
    )
    tries = b"NICK alice\r\n" + b"AUTHENTICATE EXTERNAL\r\nAUTHENTICATE +\r\n" * 5
    greeting = b"\x01\x01\xff\xff" + bytes(64 * 1024)
    endless = b"".join(b"\x16\3\1\x10\0" + greeting[at : at + 4096] for at in range(0, 65_536, 4096))
    with closing([own]) as kept:

        def come(number: int) -> None:
            if len(kept) == 100:
                kept.pop(1).close()
            kept.append(Line(port))
            own.say(again_and_again)
            with suppress(OSError):  # it is closed meanwhile
                if number % 4 == 3:
                    kept[-1].say(endless)
                else:
                    comes[number % 4](kept[-1])
                    kept[-1].say(tries)

        again(come, SECONDS)


def _by_tls(pair: KeyPair) -> Callable[[Line], None]:
    """Return what makes a connection go on by TLS, and show the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with NamedTemporaryFile() as file:
        file.write(private_key(pair) + certificates(pair))
        file.flush()
        context.load_cert_chain(file.name)

    def goes_on(line: Line) -> None:
        line.socket = context.wrap_socket(line.socket)

    return goes_on


def many_guests(beside: Beside) -> None:
    """Come as a guest under one name after the other, join, talk, be called otherwise, and go or stay."""
    port, first = beside.irc, next(numbers)
    says = (
        "NICK g%dx\r\nUSER m 0 * :m\r\nJOIN #irc,#g%d,#a,#b,#c,#d,#e,#f,#g,#h,#i,#j\r\nPRIVMSG #irc :hi\r\n"
        "PRIVMSG g%dx :psst\r\nNICK h%dx\r\nSETNAME :x\r\nNICK i%dx\r\nREGISTER * * :x\r\nNICK mallory\r\n"
    )
    with closing([]) as kept:

        def come(number: int) -> None:
            if len(kept) == 60:
                kept.pop(0).close()
            kept.append(Line(port))
            its = 1_000 * first + number
            ends = "QUIT :bye\r\n" if number % 2 else ""
            kept[-1].say((says.replace("%d", str(its)) + ends).encode())

        again(come, SECONDS)


def presence(beside: Beside) -> None:
    """Come and go as fast as one can, be away and back, and watch all of that."""
    port, names = beside.irc, [f"mallory{next(numbers)}" for _ in range(3)]
    everybody = ",".join([*names, *(f"u{number}" for number in range(90))])
    comes = [
        f"PASS :{PASSWORD.decode()}\r\nNICK {name}\r\nUSER m 0 * :m\r\nJOIN #irc\r\n".encode()
        for name in names
    ]
    watches = f"CAP REQ :away-notify extended-monitor\r\nMONITOR + {everybody}\r\nWHO *\r\n".encode()
    goes = b"AWAY :x\r\nAWAY\r\nMODE %s +Bi\r\nWHOIS %s\r\nQUIT\r\n"
    with closing([_come_by_irc(port, who) for who in comes]) as kept:
        for _ in range(20):
            kept.append(Line(port))
            kept[-1].say(comes[0] + watches)

        def come(number: int) -> None:
            if len(kept) == 60:
                kept.pop(23).close()
            name = names[number % len(names)]
            kept.append(Line(port))
            kept[-1].say(comes[number % len(names)] + goes.replace(b"%s", name.encode()))

        again(come, SECONDS)


def typing(beside: Beside) -> None:
    """Say that one is typing, in many rooms and to everybody, on many connections, which all hear of it, or
    do not read what they hear."""
    port, names = beside.irc, [f"mallory{next(numbers)}" for _ in range(3)]
    rooms = [f"#t{number}" for number in range(30)]
    targets = [*rooms, "#irc", "&ops", *names, *(f"u{number}" for number in range(30))]
    says = [f"@+typing={what} TAGMSG {target}\r\n" for target in targets for what in ("active", "done")]
    for reads in (True, False):
        for name in names:
            who = f"PASS :{PASSWORD.decode()}\r\nNICK {name}\r\nUSER m 0 * :m\r\n"
            begins = f"JOIN #irc,{','.join(rooms)}\r\nCAP REQ :message-tags echo-message\r\n"
            meets = "".join(f"PRIVMSG {other} :hi\r\n" for other in names if other != name)
            _come_by_irc(port, (who + begins).encode()).close()
            data = (who + begins + meets + "".join(says * 10)).encode()
            flood([Line(port) for _ in range(20)], data, SECONDS / 6, reads=reads)


def lost_browsers(beside: Beside) -> None:
    """Ask a master by HTTP: in pieces, with heads that do not end, and without reading its answers."""
    _in_pieces(
        beside.master, [b"G", b"GET / HTTP/1.1\r\nx: " + b"x" * 7_000, b"GET / HTTP/1.1\r\n\r\n" * 300]
    )


def who_asks(beside: Beside) -> None:
    """Ask the page's port whose it is: in pieces, in questions that do not end, and again and again."""
    question = b"IDENTIFY /" + b"0" * 32 + b" HTTP/1.1\r\n\r\n"
    _in_pieces(beside.web, [b"I", b"I" * 500, b"IDENTIFY /\xff\r\n\r\n", question, question[:-1]])


def _in_pieces(port: int, pieces: Sequence[bytes]) -> None:
    with closing([]) as kept:

        def come(number: int) -> None:
            if len(kept) == MOST_KEPT:
                kept.pop(0).close()
            kept.append(Line(port))
            kept[-1].say(pieces[number % len(pieces)])

        again(come, SECONDS)


def streams(beside: Beside) -> None:
    """Hear over plain HTTP on many connections, and read none; ask long requests, one after the other; and
    from many devices what has to wait."""
    port = beside.web
    headers = f"{_headers(port)}Authorization: Bearer {_ticket(port, 'all')}\r\n"
    join = f"PUT /api/v1/rooms/user1/membership HTTP/1.1\r\n{headers}Content-Length: 0\r\n\r\n".encode()
    kinds = ["Accept: text/event-stream\r\n", "Accept: application/x-ndjson\r\n"]
    with closing([Line(port)]) as [line]:
        line.say(join)
        assert b" 200 " in line.socket.recv(65536)
    with closing([]) as kept:

        def come(number: int) -> None:
            if len(kept) == MOST_KEPT:
                kept.pop(0).close()
            kept.append(Line(port))
            kept[-1].say(f"GET /api/v1/stream HTTP/1.1\r\n{headers}{kinds[number % 2]}\r\n".encode())

        again(come, SECONDS / 3)
    ask = f"GET /api/v1/stream?wait=0 HTTP/1.1\r\n{headers}\r\n".encode()
    flood([Line(port) for _ in range(30)], ask * 50, SECONDS / 3, reads=False)
    bearers = [f"{_headers(port)}Authorization: Bearer {_ticket(port, 'post')}\r\n" for _ in range(30)]
    with closing([Line(port) for _ in range(120)]) as held:

        def post(number: int) -> None:
            line = held[number % len(held)]
            line.socket.setblocking(False)
            line.say(_posted(bearers[number % len(bearers)], b'{"text":"wait"}', "/api/v1/posts"))

        again(post, SECONDS / 3)


def webhooks(beside: Beside) -> None:
    """Fling webhooks, long ones and many on each connection, and others that say nothing."""
    port = beside.web
    path = f"/api/v1/hooks/{_ticket(port, 'post')}"
    bodies = [
        json.dumps({"text": "x\n" * 20_000}).encode(),
        json.dumps({"attachments": [{"text": "a" * 500, "fields": [{"title": "b"}] * 10}] * 90}).encode(),
        b"payload=" + b"%20" * 20_000,
        b'{"text":' + b"[" * 50_000,
    ]
    for body in bodies:
        asked = _posted(_headers(port), body, path)
        flood([Line(port) for _ in range(30)], asked * 20, SECONDS / 4, reads=False)


def _headers(port: int) -> str:
    return f"Host: localhost:{port}\r\nOrigin: http://localhost:{port}\r\n"


def _ticket(port: int, scope: str) -> str:
    """Return the ticket of a new session by the web."""
    said = {"name": "mallory-web", "secret": "A" * 43, "new": True, "cookie": False, "scope": scope}
    with closing([Line(port)]) as [line]:
        line.say(_posted(_headers(port), json.dumps(said).encode()))
        answer = b""
        while b"}" not in answer:
            answer += line.socket.recv(65536)
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["ticket"])


def _posted(headers: str, body: bytes, path: str = "/api/v1/session") -> bytes:
    head = f"POST {path} HTTP/1.1\r\n{headers}Content-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


Attacks = dict[str, Callable[[Beside], None]]

AT_THE_PORTS: Attacks = {
    "connections that have not logged in or proven the token": many_strangers,
    "commands of strangers in one turn": busy_strangers,
    "commands of users in one turn": busy_users,
    "a box": large_boxes,
    "what waits of a connection": unread_answers,
    "requests and messages of browsers": browsers,
    "streams, long requests and sessions between requests, by HTTP": streams,
    "webhooks": webhooks,
    "a browser at a master's port": lost_browsers,
    "who asks a shared port whose it is": who_asks,
    "lines of the log about strangers": junk,
    "lines of the log about sessions": passing_users,
}
ON_THE_LOG: Attacks = {
    "reads of a session": repeated_chats,
    "reads of those who have gone": fleeting_readers,
    "posts of a user": fast_posts,
    "private rooms that a user makes, invitations, posts taken back, purges, reports": many_rooms,
    "orders of a user": many_orders,
    "what is told to all who chat": many_purges,
    "topics that a user makes": many_topics,
    "refusals that are kept of a user": many_refusals,
    "marks of a user": many_marks,
    "texts, names, topics": costly_texts,
}
ON_USERS: Attacks = {
    "wrong passwords": wrong_passwords,
    "hashes of passwords": many_hashes,
    "sessions of a user": many_sessions,
    "devices of a user": many_devices,
    "users who have themselves forgotten": many_forgotten,
    "codes that a user makes": many_codes,
    "wrong codes": wrong_codes,
    "new names where none comes in without a code": uninvited_names,
    "new names without a code": new_names,  # the last: behind it nobody can register for a while
}
OVER_IRC: Attacks = {
    "connections and lines of IRC": irc,
    "certificates of IRC clients": many_certificates,
    "presence": presence,
    "who is typing": typing,
}
AS_GUESTS: Attacks = {"guests of IRC": many_guests}
ATTACKS = AT_THE_PORTS | ON_THE_LOG | ON_USERS | OVER_IRC | AS_GUESTS
"""The attacks, by the first cell of the bound's row in docs/operations.md."""


Test = Callable[[Beside, str], None]

NO_STORES = {
    *("requests and messages of browsers", "a browser at a master's port"),
    *("streams, long requests and sessions between requests, by HTTP", "webhooks"),
    *("connections and lines of IRC", "certificates of IRC clients", "guests of IRC", "presence"),
    "who is typing",
    "who asks a shared port whose it is",
    *("commands of strangers in one turn", "commands of users in one turn", "a box"),
    *("lines of the log about sessions", "new names where none comes in without a code"),
}
"""The bounds that have nothing to do with the store: they are attacked on one store only."""


@pytest.fixture(scope="module")
def besieged(request: pytest.FixtureRequest, opening: Opening) -> Iterator[Beside]:
    """Yield honest users of a cluster, who stay through all its attacks. Its name says which store it has."""
    store, _, where = request.param.partition(", ")
    options = ["--new-names", NAMES, "--web", f"127.0.0.1:{free_port()}"]
    if "IRC" in where:  # elsewhere a process less takes part
        options += ["--irc", f"127.0.0.1:{free_port()}", "--irc-fronts", "1"]
    with a_place() as place, opening(store, place, *options) as users:
        if "IRC" in where:  # of the honest users none comes to the front
            # Each of its threads that hash takes 64 MB at its first hash, and may keep them.
            who = b"PASS :%s\r\nNICK first%d\r\nUSER f 0 * :f\r\n"
            with closing([Line(users.irc) for _ in range(8)]) as first:
                for number, line in enumerate(first):
                    line.say(who % (PASSWORD, number))
                _come_by_irc(users.irc, who % (PASSWORD, len(first))).close()
        yield users


def _come_by_irc(port: int, who: bytes) -> Line:
    """Return a connection that has logged in by what ``who`` says, and is in a channel."""
    line = Line(port)
    line.say(who)
    wait_until("a welcome", lambda: b" 366 " in line.socket.recv(65536))
    return line


def bears(cluster: str, attacks: Iterable[str]) -> Callable[[Test], Test]:
    """Return what makes a test of each of the ``attacks``, all on one cluster."""

    def marked(test: Test) -> Test:
        each = pytest.mark.parametrize("what", attacks)(test)
        return pytest.mark.parametrize("besieged", [cluster], indirect=True)(each)

    return marked


def attack(besieged: Beside, what: str) -> None:
    """Attack; the next attack is not blamed for what this one does."""
    try:
        with besieged.attacked(what):
            ATTACKS[what](besieged)
    finally:
        if besieged.violations:
            besieged.forget()


@bears("sqlite, at the ports", AT_THE_PORTS)
def test_nobody_notices_who_pushes_at_the_ports(besieged: Beside, what: str) -> None:
    """During an attack and right after it logins take at most 0.5 s and posts 50 ms, and nothing grows."""
    attack(besieged, what)


@bears("sqlite, on the log", ON_THE_LOG)
def test_nobody_notices_who_pushes_on_the_log(besieged: Beside, what: str) -> None:
    """The same holds for who says, orders and reads as much as they can."""
    attack(besieged, what)


@bears("sqlite, on users", ON_USERS)
def test_nobody_notices_who_pushes_on_users(besieged: Beside, what: str) -> None:
    """The same holds for who comes, guesses, and wants names."""
    attack(besieged, what)


@bears("sqlite, over IRC as guests", AS_GUESTS)
def test_nobody_notices_who_pushes_as_a_guest(besieged: Beside, what: str) -> None:
    """The same holds for who has no name of their own."""
    attack(besieged, what)


@bears("sqlite, over IRC", OVER_IRC)
def test_nobody_notices_who_pushes_over_irc(besieged: Beside, what: str) -> None:
    """The same holds for who speaks IRC."""
    attack(besieged, what)


@bears("postgresql", [what for what in ATTACKS if what not in NO_STORES])
def test_nobody_notices_who_pushes_on_a_database(besieged: Beside, what: str) -> None:
    """The same holds on PostgreSQL."""
    attack(besieged, what)


def test_each_bound_is_pushed_on() -> None:
    """The list of docs/operations.md and the attacks name the same bounds."""
    section = re.search(r"^## Bounds\n(.*?)^### ", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert section is not None
    rows = re.findall(r"^\| ([^|]+?) \|", section[1], re.MULTILINE)
    assert rows[0] == "what"
    assert set(rows[1:]) - {"---"} == set(ATTACKS)
