"""A port that the processes of one cluster share on a host, and who may join it.

The kernel lets any process of the same user join such a port, and gives it a share of the connections:
another program's, another cluster's. So a process asks the port before it joins, and who has it proves to be
of the same cluster::

    IDENTIFY /NONCE HTTP/1.1      no method of HTTP begins with an I; commands of IRC do, so there it is
                                  !IDENTIFY
    HTTP/1.1 200 OK, PROOF        an HMAC by the token over the nonce and both ends of this connection

A process between the two that passes on the question has other ends, so what it passes back proves nothing.

    nobody is there           open it alone: of two who try at once, one finds it taken, and asks again
    this cluster's proof      join
    no answer for a second    ask again: this connection's share may belong to a process that is stopped
    anything else             taken
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Any, NamedTuple, Protocol, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IConnector, IListeningPort
from twisted.internet.protocol import ClientFactory, Factory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from chatnet.addresses import Address, plain
from chatnet.auth import Token
from chatnet.errors import CannotStart
from chatnet.net.dial import connect
from chatnet.net.listen import is_elsewhere, is_taken, why_not_had
from chatnet.net.short_visit import ShortVisit, ShortVisits
from chatnet.net.visitors import Visitors
from chatnet.world import World

QUESTION = "IDENTIFY"
"""The word that a question begins with. Its first byte tells it from what clients speak at the port: see
:mod:`~chatnet.net.first_byte`."""
IRC_QUESTION = f"!{QUESTION}"
"""The same at a port where clients may begin with any letter."""
NONCE_BYTES = 16
ASK_SECONDS = 1.0
"""Seconds to wait for an answer, before the next time of asking."""
TIMES = 10
"""How often to ask a port that does not answer, before it counts as taken."""
PAUSE_SECONDS = 0.1
"""Seconds until the next time of asking a port at which nobody answers, and which nobody can open."""
MOST_ANSWER, MOST_QUESTION = 4096, 512
"""How many bytes of an answer, and of a question, are read."""


class PortTaken(Exception):
    """Another program has the port, or it cannot be had at all; the text is the sentence's middle."""


class Who(Enum):
    """Who has a port, as the answer shows."""

    NOBODY = auto()
    OURS = auto()
    SILENT = auto()
    OTHER = auto()


class Passport:
    """Proves that this process belongs to the cluster with this ``token``, to others that have it, which ask
    for it by the word ``question``."""

    def __init__(self, token: Token, question: str = QUESTION) -> None:
        self._key = token.derive("chatnet port", 32)
        self.question = question

    @property
    def first_byte(self) -> int:
        """The first byte of a question."""
        return ord(self.question[0])

    def proof(self, nonce: str, served: Any, asks: Any) -> bytes:
        """Return what the process at ``served`` answers to one at ``asks``, in hexadecimal digits.

        Both are addresses as a transport has them: with a host and a port.
        """
        ends = (Address(plain(end.host), end.port) for end in (served, asks))
        return hmac.new(self._key, " ".join((nonce, *map(str, ends))).encode(), "sha256").hexdigest().encode()


def irc_passport(token: Token) -> Passport:
    """Return what the fronts of a cluster show each other at their ports."""
    return Passport(token, IRC_QUESTION)


def literals(place: Address) -> list[Address]:
    """Return the IP addresses at which a port is to be opened: for localhost, those of both kinds."""
    if place.host == "localhost":
        return [Address("127.0.0.1", place.port), Address("::1", place.port)]
    return [place]


def _asked_at(opened: Address) -> list[Address]:
    """Return where to ask for who has this IP address and port."""
    hosts = {"0.0.0.0": ["127.0.0.1"], "::": ["::1", "127.0.0.1"]}.get(opened.host, [opened.host])
    return [Address(host, opened.port) for host in hosts]


# ---- asking ----


class _Question(TwistedProtocol):
    """Asks who is there."""

    transport: Any

    def __init__(self, passport: Passport, nonce: str, says: Callable[[Who], None]) -> None:
        self._passport = passport
        self._nonce = nonce
        self._says = says
        self._answer = b""

    def connectionMade(self) -> None:
        there = self.transport.getPeer()
        self.transport.write(
            f"{self._passport.question} /{self._nonce} HTTP/1.1\r\n"
            f"Host: {Address(there.host, there.port)}\r\nConnection: close\r\n\r\n".encode()
        )

    def dataReceived(self, data: bytes) -> None:
        self._answer += data
        proof = self._passport.proof(self._nonce, self.transport.getPeer(), self.transport.getHost())
        if proof in self._answer:
            self._ends(Who.OURS)
        elif len(self._answer) > MOST_ANSWER:
            self._ends(Who.OTHER)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        # A process that dies, or is full, closes without a word; the next answer may come from another one.
        self._says(self.so_far)

    @property
    def so_far(self) -> Who:
        """Who is there if nothing more comes."""
        return Who.OTHER if self._answer else Who.SILENT

    def _ends(self, who: Who) -> None:
        self._says(who)
        self.transport.abortConnection()


class _Asking(ClientFactory):
    """One connection to a port. ``answered`` has the result, within :data:`ASK_SECONDS`."""

    noisy = False

    def __init__(self, passport: Passport, nonce: str) -> None:
        self.answered: Deferred[Who] = Deferred()
        self._question = _Question(passport, nonce, self._say)

    def buildProtocol(self, addr: Any) -> _Question:
        return self._question

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        # Whether the port can be had, opening it tells.
        self._say(Who.NOBODY)

    def late(self) -> None:
        """Wait for no more of an answer."""
        self._say(self._question.so_far)

    def _say(self, who: Who) -> None:
        if not self.answered.called:
            self.answered.callback(who)


async def ask(address: Address, passport: Passport, world: World) -> Who:
    """Return who has the port of this IP address, on this host."""
    asking = _Asking(passport, world.entropy(NONCE_BYTES).hex())
    late = world.reactor.callLater(ASK_SECONDS, asking.late)
    connector: Any = connect(world.reactor, address, asking, ASK_SECONDS + 1)
    try:
        return await asking.answered
    finally:
        if late.active():
            late.cancel()
        connector.disconnect()


async def _who(opened: Address, passport: Passport, world: World) -> Who:
    found = {await ask(address, passport, world) for address in _asked_at(opened)}
    return next(who for who in (Who.OTHER, Who.SILENT, Who.OURS, Who.NOBODY) if who in found)


# ---- joining ----


class Had(NamedTuple):
    """The ports of a place that are open."""

    ports: list[IListeningPort]

    async def close(self) -> None:
        """Close them. The kernel resets those who wait to be accepted."""
        for port in self.ports:
            await maybeDeferred(port.stopListening)


async def join(place: Address, factory: Factory, passport: Passport, world: World) -> Had:
    """Open the port at ``place``, alone or beside others of this cluster.

    An address that this machine has not, such as one of IPv6, is left out at localhost.

    :raises PortTaken: somebody else has it, or it cannot be opened.
    """
    return await join_all([place], factory, passport, world)


async def join_all(places: Sequence[Address], factory: Factory, passport: Passport, world: World) -> Had:
    """Open the ports at all these places, as :func:`join` opens one.

    :raises PortTaken: one of them cannot be had; then none is open.
    """
    had = Had([])
    try:
        for place in places:
            before = len(had.ports)
            for opened in literals(place):
                if (port := await _join(opened, factory, passport, world)) is not None:
                    had.ports.append(port)
            if len(had.ports) == before:
                raise PortTaken("this machine has no such address")
    except BaseException:
        await had.close()
        raise
    return had


async def _join(opened: Address, factory: Factory, passport: Passport, world: World) -> IListeningPort | None:
    for _ in range(TIMES):
        who = await _who(opened, passport, world)
        if who is Who.OTHER:
            break
        if who is not Who.SILENT:
            try:
                return world.listen_shared(opened, factory, who is Who.NOBODY)
            except CannotListenError as error:
                if is_elsewhere(error):
                    return None
                if who is Who.OURS or not is_taken(error):
                    raise PortTaken(why_not_had(error)) from error
        await deferLater(world.reactor, PAUSE_SECONDS)
    raise PortTaken("who has it does not answer" if who is Who.SILENT else "another program has it")


class _Nobody(Factory):
    """Closes each connection."""

    noisy = False

    def logPrefix(self) -> str:
        """Return what the log says of it, before “starting on” the port."""
        return "Looking whether the port can be had:"

    def buildProtocol(self, addr: Any) -> None:
        return None


async def look(place: Address, passport: Passport, world: World) -> None:
    """Find out whether a process of this cluster could open the port at ``place`` now.

    :raises PortTaken: it could not.
    """
    if Who.OURS in [await _who(opened, passport, world) for opened in literals(place)]:
        return
    had = await join(place, _Nobody(), passport, world)
    await had.close()


class Wanted(Protocol):
    """What options say about ports that the processes of a host share."""

    @property
    def ports(self) -> Sequence[Address]:
        """Where they are to be; none if there is to be nothing."""

    @property
    def asked_for(self) -> bool:
        """Whether somebody named them: then it is an error if they cannot be had."""

    @property
    def is_there(self) -> str:
        """A sentence for the log, without its full stop: where it is."""

    def cannot_be(self, why: str) -> str:
        """Return the sentence for somebody who asked for ports that cannot be had."""

    def is_left_out(self, why: str) -> str:
        """Return the sentence for somebody who did not."""

    def left_out(self: W) -> W:
        """Return the same without ports."""


W = TypeVar("W", bound=Wanted)


async def settle(wanted: W, passport: Passport, world: World) -> tuple[W, str]:
    """Return what can be had now of ``wanted``, and a sentence if something is left out.

    :raises CannotStart: it was asked for, and cannot be had.
    """
    try:
        for place in wanted.ports:
            await look(place, passport, world)
    except PortTaken as taken:
        if wanted.asked_for:
            raise CannotStart(wanted.cannot_be(str(taken))) from taken
        return wanted.left_out(), wanted.is_left_out(str(taken))
    return wanted, ""


# ---- answering ----


class Identifying(ShortVisits):
    """Answers those who ask, for the first byte of a question."""

    def __init__(self, passport: Passport, visitors: Visitors, clock: Any) -> None:
        super().__init__(visitors, clock)
        self.passport = passport

    def visit(self) -> _Answer:
        return _Answer(self)


class _Answer(ShortVisit):
    """One connection on which somebody asks."""

    def __init__(self, port: Identifying) -> None:
        super().__init__(port)
        self._port = port
        self._question = b""

    def dataReceived(self, data: bytes) -> None:
        self._question += data
        if len(self._question) > MOST_QUESTION:
            self.abort()
        elif self._question.endswith(b"\r\n\r\n"):
            self._say(self._question.partition(b" /")[2].partition(b" ")[0])

    def _say(self, nonce: bytes) -> None:
        if len(nonce) != 2 * NONCE_BYTES or not nonce.isalnum():
            self.abort()
            return
        transport = self.transport
        proof = self._port.passport.proof(nonce.decode(), transport.getHost(), transport.getPeer())
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(proof)}\r\n"
        transport.write(head.encode() + b"Connection: close\r\n\r\n" + proof)
        transport.loseConnection()
