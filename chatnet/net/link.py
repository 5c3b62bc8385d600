"""An AMP connection of chatnet's: limited in memory, flushed by its outbox, pinged, and closed when silent.
One bad request does not close it."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from itertools import chain
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure
from zope.interface import implementer

from chatnet.errors import (
    BadName,
    BadRequest,
    BadRoom,
    BadSecret,
    ChatnetError,
    InternalFailure,
    NotAllowed,
)
from chatnet.net.intake import Intake
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outbox, Outboxes
from chatnet.net.pulse import Pulse
from chatnet.net.visitors import STRANGER_SECONDS, STRANGERS_SHARE, USERS_SHARE, Visitors
from chatnet.text import legible
from chatnet.wire.boxes import MAX_BOX, MAX_STRANGERS_BOX, Box, Boxes, Malformed, serialize
from chatnet.wire.encode import BARE_PING

STRANGERS_READ = 4 * 1024
"""How many bytes of a stranger are read at once, and may wait to be sent before the link is full. For
everybody else Twisted's own choice stays: 64 KB."""
MOST_SAID = 1000
"""How many characters are kept of the sentence with which the other end refuses."""
NONSENSE = (BadRequest, NotAllowed, BadName, BadRoom, BadSecret)
"""Errors for a request that can never succeed. Our client never causes them: it checks before it asks."""
MOST_NONSENSE = 2
"""A stranger that has caused this many of them is disconnected."""


@implementer(IPushProducer)
class Link(Protocol, amp.BoxDispatcher):
    """One connection.

    ``visitors`` are those who came to the same port, if the other end is not of the cluster. From a visitor
    we read and handle only what is fair to all (see :mod:`.visitors`), and nothing while the visitor does not
    read our answers, which would fill our memory. Between processes of the cluster reading never stops: two
    that stop reading each other would wait forever.

    ``silent`` is the number of seconds since anything came, while a pulse watches the link; a link that was
    closed for silence is ``hung``. ``is_paused``: we do not read, because enough waits already.
    """

    _logger = Logger()
    locator: Locator
    transport: Any
    # Few links ever change these: only those that do pay memory for them.
    is_paused = False
    _intake: Intake | None = None
    _due = False
    _nonsense = 0
    _said_unasked = False
    _was_at = ""

    def __init__(
        self,
        locator: Locator,
        outboxes: Outboxes,
        pulse: Pulse | None = None,
        visitors: Visitors | None = None,
    ) -> None:
        amp.BoxDispatcher.__init__(self, locator)
        self.outboxes = outboxes
        self.pulse = pulse
        self.visitors = visitors
        self.full = False
        self.silent = 0.0
        self.hung = False
        self._holds = 0
        self._boxes = Boxes()
        self._aborted = False
        self._when_lost: list[Deferred[None]] | None = None

    # ---- the connection's life ----

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            # An outbox writes once per turn already. With Nagle's algorithm too, every second write would
            # wait for the peer's delayed acknowledgement, up to 40 ms.
            self.transport.setTcpNoDelay(True)
        self.startReceivingBoxes(self)
        self.outbox = Outbox(self.transport, self.outboxes)
        self.transport.registerProducer(self, True)
        if self.pulse is not None:
            self.pulse.add(self)
        self._speak_through(self.locator)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.pulse is not None:
            self.pulse.discard(self)
        if self.visitors is not None:
            self.visitors.known(self)
        self.outbox.lost()
        self._was_at = self.peer()
        self.stopReceivingBoxes(reason)
        self.transport = None
        self._intake = None
        self.locator.lost(reason)
        waiting, self._when_lost = self._when_lost or (), []
        for deferred in waiting:
            deferred.callback(None)

    def when_lost(self) -> Deferred[None]:
        """Return a Deferred that fires when the connection is gone; at once if it is gone already."""
        if self.transport is None and self._when_lost is not None:
            return succeed(None)
        lost: Deferred[None] = Deferred()
        if self._when_lost is None:
            self._when_lost = []
        self._when_lost.append(lost)
        return lost

    def become(self, locator: Locator) -> None:
        """Understand the commands of ``locator`` from now on; works inside a responder."""
        if self.visitors is not None and not locator.is_stranger:
            self.visitors.known(self)
        self._speak_through(locator)

    def trust(self) -> None:
        """Treat the other end as part of the cluster: from now on read and handle all that it sends."""
        visitors, self.visitors = self.visitors, None
        if visitors is not None:
            visitors.known(self)
            if self.full:
                self.release()

    def _speak_through(self, locator: Locator) -> None:
        self.locator = locator
        socket = getattr(self.transport, "transport", self.transport)  # under TLS there is another transport
        usual = type(socket).bufferSize
        self._boxes.most, socket.bufferSize = (
            (MAX_STRANGERS_BOX, STRANGERS_READ) if locator.is_stranger else (MAX_BOX, usual)
        )
        locator.connected(self)

    @property
    def seconds_left(self) -> float:
        """How long it may stay a stranger's."""
        return STRANGER_SECONDS if self.visitors is None else self.visitors.seconds_left(self)

    @property
    def is_idle(self) -> bool:
        """Whether a stranger's link is doing nothing at this moment."""
        return self.locator.is_idle

    def hang_up(self) -> None:
        """Close after sending what was put; after a few seconds in any case: see the outbox."""
        if self.transport is not None:
            self.outbox.close()

    def abort(self) -> None:
        """Close now. What was not sent is dropped, and what arrived is not handled."""
        self._aborted = True
        if self.transport is not None:
            self.transport.abortConnection()

    def peer(self) -> str:
        """Return the other end's address, for the log; also after the connection was lost."""
        if self.transport is None:
            return self._was_at
        address = self.transport.getPeer()
        return f"{getattr(address, 'host', address)}:{getattr(address, 'port', '')}"

    def _say(self, line: str, **fields: Any) -> None:
        """Log a line about the other end. Lines about visitors are limited: they must not fill the disk."""
        if self.visitors is None or self.visitors.may_be_logged(line):
            self._logger.info(line, peer=self.peer(), **fields)

    # ---- signs of life ----

    def ping(self) -> None:
        """Send a ping; not to who does not read, for whom they would gather in our memory, day after day."""
        if self.transport is not None and not self.full:
            self.outbox.put(self.locator.ping())

    def fell_silent(self) -> None:
        """Close the link. The pulse calls this when nothing came for too long."""
        self._say("{peer} has been silent for {silent:.1f} s; closing", silent=self.silent)
        self.hung = True
        self.abort()

    # ---- back-pressure; the names are IPushProducer's ----

    def pauseProducing(self) -> None:
        if self.full:
            return  # a full transport repeats this at each write, and says only once that it has room again
        self.full = True
        if self.visitors is not None:
            self.hold()
        self.locator.filled()

    def resumeProducing(self) -> None:
        self.full = False
        if self.visitors is not None:
            self.release()
        self.locator.drained()

    def stopProducing(self) -> None:
        """Do nothing: the transport is closing."""

    def hold(self) -> None:
        """Handle nothing until as many calls of :meth:`release`. Boxes wait; a ping still counts as life."""
        self._holds += 1

    def release(self) -> None:
        """Undo one :meth:`hold`."""
        self._holds -= 1
        if not self._holds and (self._intake is not None or self.is_paused):
            # Not now: the caller may be in the middle of something.
            self._go_on_soon()

    def _go_on_soon(self) -> None:
        if not self._due:
            self._due = True
            if self.visitors is None:
                self.outboxes.next_turn(lambda: self.go_on(sys.maxsize))
            else:
                self.visitors.wait(self)

    # ---- boxes ----

    def sendBox(self, box: Box) -> None:
        if self.transport is None:
            raise ConnectionLost()
        self.outbox.put(serialize(box))

    def dataReceived(self, data: bytes) -> None:
        self.silent = 0.0
        if self._aborted:
            return
        boxes = self._boxes.feed(data)
        try:
            if not (self._holds or self._due):
                self._obey(boxes, sys.maxsize)
            if self._holds or self._due:
                self._keep(boxes)
        except Malformed as why:
            self._malformed(str(why))

    def go_on(self, share: int) -> None:
        """Handle what waits, at most ``share`` boxes in this turn of the reactor."""
        self._due = False
        if self.transport is None or self._aborted:
            return
        boxes = self._boxes.feed(b"")
        try:
            if not self._holds:
                self._obey(boxes if self._intake is None else chain(self._intake, boxes), share)
            self._keep(boxes)
        except Malformed as why:
            self._malformed(str(why))

    def _obey(self, boxes: Iterator[Box], share: int) -> None:
        """Handle ``boxes`` until somebody calls :meth:`hold`, or until it is the turn of others."""
        visitors = self.visitors
        if visitors is not None:
            usual = STRANGERS_SHARE if self.locator.is_stranger else USERS_SHARE
            share = min(share, usual, visitors.left)
            visitors.begin()
        left = share
        if left > 0:
            for box in boxes:
                try:
                    self.ampBoxReceived(box)
                except (amp.NoEmptyBoxes, KeyError):
                    self._malformed("a box is neither a command nor an answer to one")
                left -= 1 if visitors is None else visitors.price()
                if left <= 0 or self._holds or self._aborted:
                    break
        if visitors is not None:
            visitors.spend(share - left)
            if left <= 0:
                self._go_on_soon()

    def _keep(self, boxes: Generator[Box, None, None]) -> None:
        """Keep the boxes that cannot be handled now, as far as there is room; beyond that stop reading.

        A bare ping is dropped: its arrival was enough. A ping that carries more keeps its place.
        """
        intake = Intake() if self._intake is None else self._intake
        while self._holds and not (intake.is_full or self._aborted):
            box = next(boxes, None)
            if box is None:
                break
            if box != BARE_PING:
                intake.put(box)
        boxes.close()
        self._intake = intake if len(intake) else None
        self._pause(self._due or intake.is_full)

    def _pause(self, paused: bool) -> None:
        if paused != self.is_paused and self.transport is not None:
            self.is_paused = paused
            if paused:
                self.transport.pauseProducing()
            else:
                self.transport.resumeProducing()

    def _malformed(self, why: str) -> None:
        self._say("{peer} sent what cannot be read ({why}); closing", why=why)
        self.abort()

    def _errorReceived(self, box: Box) -> None:
        # Sentences from the other end are logged and shown in many places: they are cut here, on arrival.
        said = legible(box[amp.ERROR_DESCRIPTION], MOST_SAID).encode()
        cut = {**box, amp.ERROR_DESCRIPTION: said, amp.ERROR_CODE: legible(box[amp.ERROR_CODE], 40).encode()}
        super()._errorReceived(cut)

    def unhandledError(self, failure: Failure) -> None:
        """Called by AMP: an answer was an error, or could not be used, and the caller did not handle that."""
        self._logger.failure("Nobody handled an answer of {peer}; closing", failure, peer=self.peer())
        self.hang_up()

    def _commandReceived(self, box: Box) -> None:
        # BoxDispatcher's own takes five times as many callbacks: half of the cost of a post.
        name, ask = box[amp.COMMAND], box.get(amp.ASK)
        try:
            command, respond = self.locator.responder(name)
            answer = respond(self.locator, **command.parseArguments(box, self))
        except BaseException:
            self._refuse(Failure(), name, ask)
            return
        if isinstance(answer, dict):
            self._answer(answer, command, name, ask)
            return
        answered = answer if isinstance(answer, Deferred) else Deferred.fromCoroutine(answer)
        answered.addCallbacks(self._answer, self._refuse, (command, name, ask), {}, (name, ask))

    def _answer(
        self, answer: dict[str, Any], command: type[amp.Command], name: bytes, ask: bytes | None
    ) -> None:
        try:
            box = command.makeResponse(answer, self)
            if ask is not None and self.transport is not None:
                box[amp.ANSWER] = ask
                self.sendBox(box)
        except Exception:
            self._refuse(Failure(), name, ask)

    def _refuse(self, failure: Failure, name: bytes, ask: bytes | None) -> None:
        if ask is None:
            self._unasked(failure, name)
            return
        error = self._to_sentence(failure)
        if self.transport is not None:
            keys = {amp.ERROR: ask, amp.ERROR_CODE: error.code, amp.ERROR_DESCRIPTION: str(error).encode()}
            self.sendBox(keys)
        self._count_nonsense(error)

    def _unasked(self, failure: Failure, name: bytes) -> None:
        why = self._to_sentence(failure)
        # Once per connection: a stranger who repeats it must not fill the disk through our log.
        if not self._said_unasked:
            self._said_unasked = True
            self._say("{peer}: {name} was not understood: {why}", name=legible(name, 40), why=str(why))
        self._count_nonsense(why)

    def _count_nonsense(self, error: ChatnetError) -> None:
        """Disconnect a stranger that keeps asking for what cannot be, after the answer: it is no client."""
        if self.locator.is_stranger and isinstance(error, NONSENSE):
            self._nonsense += 1
            if self._nonsense == MOST_NONSENSE:
                self._aborted = True
                self.hang_up()

    def _to_sentence(self, failure: Failure) -> ChatnetError:
        """Return the sentence for one bad request, or for one bug of ours; the connection stays up."""
        if isinstance(failure.value, ChatnetError):
            return failure.value
        line = "A request of {peer} failed; it was told so"
        if self.visitors is None or self.visitors.may_be_logged(line):
            self._logger.failure(line, failure, peer=self.peer())
        return InternalFailure(InternalFailure.sentence)
