"""The states in which a connection says hostile things, and how it reaches them."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from hostile.fuzz.inputs import pair, serialized
from hostile.fuzz.mouth import Mouth

from chatnet.auth import Role, Token
from chatnet.cursor import Cursor
from chatnet.errors import ChatnetError
from chatnet.net.gate import prove
from chatnet.wire.common import NONCE_BYTES, PROOF_BYTES, VERSION, Challenge, Prove
from chatnet.wire.session import Chat, Login, Resume

DOOR = ("Login", "Resume", "Ping")
TALK = (
    "Post", "Join", "Leave", "List", "History", "Chat", "Unchat", "Ping", "Resume", "Login",
)  # fmt: skip
GATE = ("Challenge", "Prove", "Locate", "Ping")
LOG = ("Append", "Append", "Append", "Follow", "Report", "Register", "Committed", *7 * ("Read",))
OPERATE = ("Status", "Drain", "Ping", "Challenge", "Prove")
COMMAND = ("Stop", "StepDown", "Shutdown")
"""Correct commands of an operator, which would end processes: left out where they would be obeyed."""
BELONG = ("Register", "Attach")
"""A process with the token may join the cluster by these, be sent clients, or be one replica too many. Where
they would be obeyed, they are said with unreadable values only."""
SECRET = ("SetSecret",)
"""Changes the guise's secret, so only one of the users says it."""


@dataclass
class Guise:
    """A user that hostile clients pretend to be. One of ``secrets`` may be right."""

    name: str
    secrets: Sequence[bytes]
    ticket: bytes = b""
    log: str = ""


@dataclass
class Visitor:
    """Who makes a visit: its randomness, its guise, and the token that only the cluster should have."""

    chance: random.Random
    guise: Guise
    token: Token


Reach = Callable[[Mouth, Visitor], Awaitable[None]]


@dataclass(frozen=True)
class State:
    """A state: ``reach`` brings a new connection to ``port`` there. ``likely`` commands are said most of the
    time, ``never`` ones never, ``spoiled`` ones never whole. ``weight``: how often the state is drawn."""

    name: str
    port: Literal["master", "worker"]
    reach: Reach
    likely: Sequence[str]
    never: Sequence[str] = SECRET
    spoiled: Sequence[str] = ()
    weight: int = 2
    deaf: bool = field(default=False)


async def at_once(mouth: Mouth, visitor: Visitor) -> None:
    """Do nothing: the connection is new."""


async def challenged(mouth: Mouth, visitor: Visitor) -> None:
    """Get a nonce of the other end."""
    await mouth.callRemote(Challenge, version=VERSION, nonce=visitor.chance.randbytes(NONCE_BYTES))


async def refused(mouth: Mouth, visitor: Visitor) -> None:
    """Send a wrong proof."""
    await challenged(mouth, visitor)
    try:
        await mouth.callRemote(Prove, role="worker", proof=visitor.chance.randbytes(PROOF_BYTES))
    except ChatnetError:
        return


def proven(role: Role) -> Reach:
    """Return what proves the token: a broken or hostile process of the cluster."""

    async def reach(mouth: Mouth, visitor: Visitor) -> None:
        await prove(mouth, visitor.token, role, visitor.chance.randbytes)

    return reach


async def logging_in(mouth: Mouth, visitor: Visitor) -> None:
    """Send a login, and do not wait for its answer."""
    guise = visitor.guise
    mouth.write(
        serialized(
            {
                b"_command": b"Login",
                b"_ask": b"login",
                b"version": b"%d" % VERSION,
                b"name": guise.name.encode(),
                b"secret": guise.secrets[0],
                b"new": b"1",
            }
        )
    )


async def logged_in(mouth: Mouth, visitor: Visitor) -> None:
    """Log in by secret, and keep the ticket."""
    guise = visitor.guise
    for secret in guise.secrets:
        try:
            answer = await mouth.callRemote(Login, version=VERSION, name=guise.name, secret=secret, new=True)
        except ChatnetError:
            if secret is guise.secrets[-1]:
                raise
        else:
            guise.ticket, guise.log = answer["ticket"], answer["log"]
            return


async def resumed(mouth: Mouth, visitor: Visitor) -> None:
    """Log in by ticket."""
    if not visitor.guise.ticket:
        await logged_in(mouth, visitor)
    else:
        await mouth.callRemote(Resume, version=VERSION, ticket=visitor.guise.ticket)


async def chatting(mouth: Mouth, visitor: Visitor) -> None:
    """Begin to receive posts."""
    await resumed(mouth, visitor)
    await mouth.callRemote(Chat, cursor=None, check=None)


async def held(mouth: Mouth, visitor: Visitor) -> None:
    """Send more than the rate allows, so that the worker reads no more though much is waiting."""
    await resumed(mouth, visitor)
    for number in range(400):
        key = visitor.chance.randbytes(16)
        mouth.write(
            b"".join(
                (
                    pair(b"_command", b"Post"),
                    pair(b"_ask", b"h%d" % number),
                    pair(b"key", key),
                    pair(b"text", b"x"),
                )
            )
            + b"\0\0"
        )


async def deaf(mouth: Mouth, visitor: Visitor) -> None:
    """Ask for much, and do not read it."""
    await chatting(mouth, visitor)
    mouth.stop_reading()


STATES = (
    State("a stranger at a master", "master", at_once, GATE, (), weight=3),
    State("challenged", "master", challenged, GATE, ()),
    State("refused", "master", refused, GATE, ()),
    State("a worker", "master", proven("worker"), LOG, COMMAND, BELONG, weight=3),
    State("a replica", "master", proven("replica"), (*BELONG, "Mirror", *LOG), COMMAND, BELONG),
    State("an operator", "master", proven("operator"), OPERATE, COMMAND),
    State("a stranger at a worker", "worker", at_once, DOOR, weight=4),
    State("logging in", "worker", logging_in, (*DOOR, *TALK), weight=2),
    State("logged in", "worker", logged_in, TALK, weight=4),
    State("resumed", "worker", resumed, TALK, weight=4),
    State("chatting", "worker", chatting, TALK, weight=4),
    State("held", "worker", held, TALK, weight=1),
    State("deaf", "worker", deaf, ("History", "Chat", "List", "Ping"), weight=2, deaf=True),
    State("changing its secret", "worker", logged_in, (*SECRET, *TALK), (), weight=1),
)


def known(visitor: Visitor) -> dict[str, list[bytes]]:
    """Return usual values of arguments and fields, by their names."""
    chance, guise = visitor.chance, visitor.guise
    ticket = guise.ticket or b"t" * 60
    at = chance.randrange(len(ticket))
    name = guise.name.encode()
    return {
        "version": [b"%d" % VERSION],
        "name": [name, name, b"user0", b"guest0", b"nobody0"],
        "user": [name],
        "secret": [*guise.secrets, chance.randbytes(32), b"a password of some length"],
        "ticket": [
            ticket,
            ticket[:at],
            ticket[:at] + bytes((ticket[at] ^ 1,)) + ticket[at + 1 :],
            ticket + b"x",
        ],
        "key": [chance.randbytes(16), chance.randbytes(16), b"k" * 16],
        "room": [b"#tea", b"user1", b"user2", name, b"#coffee", b"mallory1"],
        "text": [b"hello", b"hello @user1", b"see #tea", b"x" * 2000],
        "prefix": [b"", b"#", b"user"],
        "after": [b"", b"#tea", b"0", b"5"],
        "upto": [b"5", b"20"],
        "skip": [b"0"],
        "cursor": [b"0", b"0", b"0", b"1", b"20"],
        "check": [Cursor.beginning(guise.log).check],
        "old": list(guise.secrets),
        "new": [b"0", b"1"],
        "log": [guise.log.encode()],
        "before": [b"5", b"50"],
        "seq": [b"1", b"5"],
        "role": [b"worker", b"replica", b"operator", b"client"],
        "host": [b"elsewhere"],
        "epoch": [b"0", b"1", b"2", b"9223372036854775807"],
    }
