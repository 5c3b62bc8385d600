"""What a process presents at its ports, and where it speaks without TLS: one answer for the whole process.

Security     what follows from a pair, self-made or the operator's, and from ``--insecure``
Renewal      checks each minute, and at SIGHUP, whether the operator's pair has changed
InPlain      refuses AMP without TLS from another machine; other protocols are refused in their own words
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure

from chatnet.auth import Token
from chatnet.errors import TlsRequired
from chatnet.net.certificates import Certificates
from chatnet.net.first_byte import AMP, FirstByte, Handshakes
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outbox, Outboxes
from chatnet.net.pair import PairFiles, self_made
from chatnet.net.pulse import Pulse
from chatnet.net.timer import Timer
from chatnet.net.visitors import Visitors
from chatnet.wire.common import Ping
from chatnet.wire.table import Speaker
from chatnet.world import World

LOOK_SECONDS = 60.0
"""Seconds between two checks whether the operator's pair has changed."""
MOST_UNREAD = 16
"""How many connections may be waiting at once, closed but not read, of those refused in plain: no limit of a
port counts them."""


class Security:
    """What all ports of one process present, and whether they accept other machines without TLS.

    ``certificates`` are the operator's; without them the pair is made from the ``token``.
    """

    _logger = Logger()

    def __init__(self, certificates: Certificates | None, token: Token, insecure: bool, world: World) -> None:
        self._presented = (
            world.tls.presented(self_made(token)) if certificates is None else certificates.presented
        )
        self.is_insecure = insecure
        self._handshakes = Handshakes(world.reactor)
        self._clock: IReactorTime = world.reactor
        self._logger.info("The public key that is presented here is {key}: clients pin it", key=self.key)
        if insecure:
            self._logger.warn("--insecure: other machines may connect without TLS, and all can be read there")

    @property
    def key(self) -> str:
        """The fingerprint of the public key that is presented now."""
        return self._presented.pair.fingerprint

    def port(
        self,
        spoken: Mapping[int, Factory],
        outboxes: Outboxes,
        visitors: Visitors,
        takes: Callable[[], bool],
        pulse: Pulse | None = None,
        in_plain: Mapping[int, bytes] | None = None,
        from_afar: Mapping[int, Factory] | None = None,
        asks: bool = False,
    ) -> FirstByte:
        """Return the factory of a port for the protocols in ``spoken``, with these ``visitors``.

        While ``takes()`` is false, each new connection is closed. ``pulse``, if given, watches the links that
        are refused because they lack TLS. Protocols other than AMP are refused with the bytes in
        ``in_plain``, by the factories in ``from_afar``, or without a word. ``asks``: by TLS the other end is
        asked for a certificate, which a browser would ask its user for.
        """
        refused: dict[int, Factory] = {
            **{byte: _Farewell(words, outboxes) for byte, words in (in_plain or {}).items()},
            **(from_afar or {}),
        }
        if AMP in spoken:
            refused[AMP] = _InPlainAlone(outboxes, pulse, visitors, self._clock)
        return FirstByte(
            spoken,
            self._presented.asking() if asks else self._presented,
            self._handshakes,
            visitors,
            self._clock,
            takes,
            plain=spoken if self.is_insecure else refused,
        )


class Renewal:
    """Checks an operator's ``certificates``, if there are any, from :meth:`start` until :meth:`stop`.

    ``changed`` is called when another pair is presented.
    """

    def __init__(
        self, certificates: Certificates | None, changed: Callable[[], object], world: World
    ) -> None:
        self._certificates = certificates
        self._changed = changed
        self._world = world
        self._looking = Timer(world.reactor, LOOK_SECONDS, self._look, "Cannot look at the certificate")

    def start(self) -> None:
        """Start checking, each minute and at SIGHUP."""
        if self._certificates is not None:
            self._looking.start()
            self._world.processes.at_hangup(self._world.reactor, self._look)

    def stop(self) -> None:
        """Stop checking."""
        self._looking.stop()

    def _look(self) -> None:
        if self._certificates is not None and self._looking.is_running and self._certificates.look():
            self._changed()


def find_certificates(paths: PairFiles | None, world: World) -> Certificates | None:
    """Return the operator's pair; None if no files were named.

    :raises CannotStart: the pair cannot be used.
    """
    return None if paths is None else Certificates(world.files, paths, world.wall, world.tls)


class InPlain(Locator):
    """Tells a peer on another machine that TLS is required, whatever it asks, and hangs up."""

    speaker = Speaker.IN_PLAIN

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._is_told = False
        self._deadline: IDelayedCall

    def connected(self, link: Link) -> None:
        super().connected(link)
        self._deadline = self._clock.callLater(link.seconds_left, link.abort)

    def lost(self, reason: Failure) -> None:
        if self._deadline.active():
            self._deadline.cancel()

    def responder(self, name: bytes) -> tuple[type[amp.Command], Callable[..., Any]]:
        if name == Ping.commandName:
            return super().responder(name)
        if not self._is_told:
            self._is_told = True
            self.link.outboxes.next_turn(self.link.hang_up)
        raise TlsRequired(TlsRequired.sentence)


class _Farewell(Factory):
    """Says ``words`` to each peer on another machine that uses no TLS, and hangs up.

    While :data:`MOST_UNREAD` of them have not read it, others are hung up on without a word.
    """

    noisy = False

    def __init__(self, words: bytes, outboxes: Outboxes) -> None:
        self.words = words
        self.outboxes = outboxes
        self.open = 0

    def buildProtocol(self, addr: IAddress | None) -> _HungUpOn | None:
        return _HungUpOn(self) if self.open < MOST_UNREAD else None


class _HungUpOn(Protocol):
    """A connection that is told ``farewell.words``, and closed; what comes on it is not looked at."""

    def __init__(self, farewell: _Farewell) -> None:
        self._farewell = farewell

    def connectionMade(self) -> None:
        self._farewell.open += 1
        self._outbox = Outbox(self.transport, self._farewell.outboxes)
        self._outbox.put(self._farewell.words)
        self._outbox.close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._farewell.open -= 1
        self._outbox.lost()


class _InPlainAlone(Factory):
    """Makes the links that only refuse: for peers on other machines that use no TLS."""

    noisy = False

    def __init__(
        self, outboxes: Outboxes, pulse: Pulse | None, visitors: Visitors, clock: IReactorTime
    ) -> None:
        self._outboxes = outboxes
        self._pulse = pulse
        self._visitors = visitors
        self._clock = clock

    def buildProtocol(self, addr: IAddress | None) -> Link:
        link = Link(InPlain(self._clock), self._outboxes, self._pulse, self._visitors)
        self._visitors.came(link, getattr(addr, "host", ""))
        return link
