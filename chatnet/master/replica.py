"""A master that stands by: it follows the primary, and tries to take the lease when the primary is gone."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectionClosed
from twisted.internet.protocol import ReconnectingClientFactory
from twisted.logger import Logger
from twisted.protocols.amp import RemoteAmpError
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.errors import (
    BadRequest,
    ChatnetError,
    LevelTooLow,
    Outgrown,
    TlsRequired,
    WrongToken,
    WrongVersion,
)
from chatnet.master.port import KnownPrimary
from chatnet.master.replica_states import Dialing, Doing, Proving, Seeking, Standing
from chatnet.master.standby import Inheritance, Standby
from chatnet.master.store import Store
from chatnet.net.approach import Approach
from chatnet.net.dial import connect
from chatnet.net.gate import Commanded, NotPrimary, Unregistered
from chatnet.net.link import MOST_SAID, Link
from chatnet.net.pulse import CLUSTER_PULSE
from chatnet.net.timer import Timer
from chatnet.net.tls import Encryption, is_encrypted, why_not_trusted
from chatnet.net.visitors import STRANGER_SECONDS
from chatnet.store.lease import Holder
from chatnet.telemetry import Killed, Tell
from chatnet.text import legible
from chatnet.wire.cluster import Shutdown
from chatnet.wire.replica import Attach, Mirror, State
from chatnet.wire.table import Speaker
from chatnet.world import Clocks, Processes

CONNECT_SECONDS = 1.0
"""Seconds that a master has to accept a connection; and a master of another host to prove the token."""
SHORTEST_DELAY, LONGEST_DELAY = 0.05, 1.0
"""Seconds between two attempts: random, and longer from one attempt to the next."""
REFUSED_DELAY = 10.0
"""Seconds until a primary with another token or protocol is asked again. Shorter if a primary took our token
before: then somebody else uses its port, and the primary will come back."""
OPENING_SECONDS = 30
"""A holder of the lease that has not said after this many seconds where it listens hangs: opening the store
takes moments."""
ABANDONED_SECONDS = 60
"""Seconds without a primary after which a replica with a dead parent has nothing to wait for."""


class Unattached(Unregistered):
    """A connection to the holder of the lease, or to a process that seems to be it."""

    def __init__(self, connected: Callable[[Link], None]) -> None:
        self._connected = connected

    def connected(self, link: Link) -> None:
        super().connected(link)
        self._connected(link)


class FromPrimary(Commanded):
    """The commands of the primary of ``epoch`` to a replica that stands by for it."""

    speaker = Speaker.PRIMARY_OF_REPLICA

    def __init__(self, replica: Replica, epoch: int) -> None:
        super().__init__(epoch)
        self._replica = replica

    @Mirror.responder
    def mirror(self, state: State) -> dict[str, Any]:
        self.check(state.epoch)
        if Address.read(state.listen) is None:
            raise BadRequest.of(why="what it says about where it listens is no HOST:PORT.")
        self._replica.told(state)
        return {}

    @Shutdown.responder
    def shutdown(self, epoch: int) -> dict[str, Any]:
        self.check(epoch)
        self._replica.shut_down()
        return {}


class Replica(ReconnectingClientFactory):
    """Stands by from :meth:`start` until it takes the lease, which it reports by ``won``; or until
    :meth:`stop`.

    ``process`` is the process that stands by; ``approach`` makes its links to the primary.
    """

    noisy = False
    # Twisted declares it as an int, and makes it a float.
    initialDelay: float = 2 * SHORTEST_DELAY
    maxDelay: float = LONGEST_DELAY  # type: ignore[assignment]
    delay: float
    factor = 2.0
    _logger = Logger()

    def __init__(
        self,
        process: Standby,
        store: Store,
        approach: Approach,
        processes: Processes,
        clocks: Clocks,
        chance: random.Random,
        tell: Tell,
    ) -> None:
        self._process = process
        self._store = store
        self._approach = approach
        self._caller = approach.caller
        self._wants_tls: Address | None = None
        self._processes = processes
        self._reactor = self.clock = clocks.reactor
        self._monotonic = clocks.monotonic
        self._chance = chance
        self._tell = tell
        self._doing: Doing[Link] = Seeking()
        self._state: State | None = None
        self._epoch = 0
        self._holder: Holder | None = None
        self._going: Deferred[None] | None = None
        self._sent_on: Address | None = None
        self._since: float | None = None
        self._how = ""
        self._alone = self._unheard = 0
        self._said = ""
        self._seconds = Timer(clocks.reactor, 1.0, self._second, "Cannot look for the primary")

    def start(self) -> None:
        """Start looking for the primary."""
        self.resetDelay()
        self._caller.pulse.start()
        self._seconds.start()
        self._store.watch(self._seek)
        self._seek()

    def stop(self) -> None:
        """Stop standing by. Does not take the lease."""
        if not self._seconds.is_running:
            return
        self.stopTrying()
        self._seconds.stop()
        self._caller.pulse.stop()
        if isinstance(self._doing, Proving | Standing):
            self._doing.link.abort()

    def _end(self, sentence: str) -> None:
        """Stop: this program is too old for the log, whoever leads."""
        self.stop()
        self._process.outgrown(sentence)

    # ---- the lease ----

    @property
    def primary(self) -> KnownPrimary:
        """Where the primary is, and the key that it presents, as far as is known."""
        key = "" if self._holder is None else self._holder.key
        if isinstance(self._doing, Standing):
            # If the store could not name it, another replica did; and its key may have been renewed.
            state = self._state
            told = state.key if state is not None and state.epoch == self._doing.epoch else key
            return KnownPrimary(str(self._doing.to), told)
        return KnownPrimary("" if self._holder is None else self._holder.address, key)

    def _seek(self) -> None:
        """Take the lease if it is free; otherwise connect to its holder, unless we are connected."""
        self._go(self._take_or_connect())

    def _go(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        """Run ``work`` about the lease, or drop it if another is under way: that one schedules the next."""
        if self._going is not None:
            work.close()
            return
        going = self._going = Deferred.fromCoroutine(work)

        def gone(result: Any) -> None:
            self._going = None
            if isinstance(result, Failure) and result.check(Outgrown):
                self._end(str(result.value))
            elif isinstance(result, Failure):
                self._logger.failure("Cannot look for the lease; trying again", result)
                self.retry()

        going.addBoth(gone)

    async def _take_or_connect(self) -> None:
        if await self._take():
            return
        holder = await self._store.holder()
        if not (self.continueTrying and isinstance(self._doing, Seeking)):
            return
        if holder != self._holder:
            self._unheard = self._alone = 0  # the holder shows that it lives, though it does not listen yet
        self._holder = holder
        where = self._where(holder)
        if where is None:
            self.retry()
            return
        self._doing = self._doing.dial(where)
        encrypts = where == self._wants_tls or self._approach.encrypts(where)
        factory: Any = Encryption(self._approach.creator(), True, self, self._reactor) if encrypts else self
        self.connector = connect(self._reactor, where, factory, CONNECT_SECONDS)

    def _where(self, holder: Holder | None) -> Address | None:
        """Return where to ask for the primary; None if nobody can be asked now."""
        if holder is None:
            # It was just released; or we cannot reach the database, but the master that has this host's port
            # may reach it.
            return self._sent_on or (
                self._process.usual(None) if self._store.is_shared and not self._process.claim() else None
            )
        if self._store.is_shared and holder.is_same(self._process.claim()):
            return None  # we have lost the lease, and its text still names us
        return Address.read(holder.address) or self._process.usual(self._state)

    async def _take(self) -> bool:
        claim = self._process.claim()
        if not self.continueTrying or claim is None or not await self._store.take(claim):
            return False
        if not self.continueTrying:  # it was stopped meanwhile
            await self._store.release()
            return False
        self.stop()
        self._process.won(Inheritance(self._state, self._since, self._how))
        return True

    async def _take_if_free(self) -> None:
        await self._take()

    async def _take_or_wait(self) -> None:
        if not await self._take():
            self.retry()

    async def _fence_and_wait(self, holder: Holder) -> None:
        # Look again: in a shared store, another master may have taken the lease since.
        now = await self._store.holder()
        if now is not None and now.pid == holder.pid:
            self._fence(now)
        self.retry()

    def _fence(self, holder: Holder) -> None:
        """Kill a primary that hangs and still holds the lease, if it has said that it holds it."""
        if not holder.started:
            self._say(f"The primary (pid {holder.pid}) hangs, and has not said who it is: end it by hand")
            return
        # If this same process held the lease a moment ago, it is the one that hangs.
        if self._store.is_held_by(holder) and self._processes.signal(holder, signal.SIGKILL):
            self._tell(Killed(holder.pid, "the primary hung"))
            self._logger.warn("The primary (pid {pid}) hangs; it is killed", pid=holder.pid)

    # ---- the link: ReconnectingClientFactory's ----

    def buildProtocol(self, addr: Any) -> Link:
        return self._caller.link(Unattached(self._connected))

    def _connected(self, link: Link) -> None:
        if not isinstance(self._doing, Dialing):
            raise RuntimeError(f"connected while {self._doing}")
        self._doing = proving = self._doing.connected(link)
        attaching = Deferred.fromCoroutine(self._attach(proving))
        attaching.addErrback(self._cannot_attach, link)

    async def _attach(self, proving: Proving[Link]) -> None:
        link = proving.link
        await self._prove(link)
        answer = await link.callRemote(Attach, master=self._process.me(), seen=self._epoch)
        # No await from here on: the primary's next command may have come together with that answer. Its epoch
        # may be below one that we saw: the primary has looked into its store, where none is above its own.
        self._epoch = answer["epoch"]
        link.become(FromPrimary(self, self._epoch))
        self._doing = proving.attached(self._epoch)
        self._sent_on = None
        self._alone = 0
        self._since, self._how = None, ""
        self.resetDelay()
        self._say(f"Standing by for the primary at {link.peer()}, epoch {self._epoch}")
        self._process.answered("")

    async def _prove(self, link: Link) -> None:
        proving = Deferred.fromCoroutine(self._caller.prove(link))
        # A hanging master on another host cannot be killed from here, and another may lead by now and miss
        # us. One on this host is noticed by its silence: if something keeps talking, a stranger has its port.
        elsewhere = self._store.is_shared and not self._is_here(self._holder)
        await proving.addTimeout(CONNECT_SECONDS if elsewhere else STRANGER_SECONDS, self._reactor)
        self._unheard = 0

    def _is_here(self, holder: Holder | None) -> bool:
        """Return whether that is a process of this host."""
        return holder is not None and holder.host in ("", self._process.me().host)

    def _cannot_attach(self, failure: Failure, link: Link) -> None:
        if isinstance(failure.value, NotPrimary):
            self._sent_on = failure.value.primary
            link.abort()
        elif failure.check(TimeoutError):
            link.abort()
        elif failure.check(TlsRequired) and not is_encrypted(link.transport):
            self._wants_tls = self._doing.to if isinstance(self._doing, Proving) else None
            link.abort()
        elif failure.check(LevelTooLow):
            self._end(str(failure.value))
        elif why := why_not_trusted(failure.value):
            self._say(f"No primary is where one should be: {why}")
        elif not failure.check(ConnectionClosed):
            refusal = f"The primary at {link.peer()} refuses this replica: {failure.value}"
            if failure.check(ChatnetError, RemoteAmpError):
                self._say(refusal)
            else:
                self._logger.failure("Cannot stand by; trying again", failure)
            link.abort()
            if failure.check(WrongToken, WrongVersion) and not self._epoch:
                self.delay = REFUSED_DELAY
                self._process.answered(refusal)

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self._doing = Seeking()
        self._sent_on = None
        super().clientConnectionFailed(connector, reason)

    def clientConnectionLost(self, connector: Any, reason: Failure) -> None:
        before, self._doing = self._doing, Seeking()
        if not self.continueTrying:
            return
        # If another replica has just killed it for hanging, it was silent for as long.
        hung = isinstance(before, Proving | Standing) and before.link.silent >= CLUSTER_PULSE.patience
        stood_by = isinstance(before, Standing)
        if stood_by:
            self._lost(hung)
        if hung and self._holder is not None and (stood_by or self._holder.address):
            self._go(self._fence_and_wait(self._holder))
        elif stood_by:
            self._go(self._take_or_wait())
        else:
            self.retry()

    def _lost(self, hung: bool) -> None:
        self._since = self._monotonic() - (CLUSTER_PULSE.patience if hung else 0.0)
        how = "fell silent" if hung else "was gone"
        if hung and self._is_here(self._holder):
            how += " and was killed"  # perhaps by another replica
        self._how = f"the primary (pid {self._holder.pid if self._holder else '?'}) {how}"
        self._say("Lost the primary; going for the lease")

    def retry(self, connector: Any = None) -> None:
        """Seek the lease again, and with it the present holder, after a delay with jitter."""
        if self.continueTrying and self._callID is None:
            delay = self._chance.uniform(SHORTEST_DELAY, self.delay)
            self._callID = self._reactor.callLater(delay, self._again)
            self.delay = min(self.delay * self.factor, self.maxDelay)

    def _again(self) -> None:
        self._callID = None
        self._seek()

    # ---- what the primary says ----

    def told(self, state: State) -> None:
        """Keep ``state``: what the primary's successor must know."""
        self._state = state

    def shut_down(self) -> None:
        """Stop: the primary stops its cluster."""
        self._logger.info("The primary has this replica stop")
        self.stopTrying()
        self._process.stop()

    def _second(self) -> None:
        if isinstance(self._doing, Standing):
            return
        self._alone += 1
        if not self._store.is_shared:
            # A stranger that now has the port, and delays us, must not keep us from the lease.
            self._go(self._take_if_free())
        holder = self._holder
        self._unheard = self._unheard + 1 if holder is not None and not holder.address else 0
        if holder is not None and self._unheard >= OPENING_SECONDS:
            self._fence(holder)
        if self._alone >= ABANDONED_SECONDS:
            self._process.abandoned()

    def _say(self, sentence: str) -> None:
        """Log ``sentence``, unless it was the last one."""
        if self._said != sentence:
            self._said = sentence
            self._logger.info("{sentence}", sentence=legible(sentence, MOST_SAID))
