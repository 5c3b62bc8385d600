"""The log in a database that every worker and master opens: no other process is in between."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from chatnet.cursor import Cursor
from chatnet.entries import Draft
from chatnet.errors import Outgrown
from chatnet.limits import LIMITS, Limits
from chatnet.log import Outcome
from chatnet.marks import UserMark
from chatnet.reads import CursorAt, Head, LaneName, Question
from chatnet.store.appender import Appender
from chatnet.store.blanking import Freed, Overdue
from chatnet.store.postgres.database import Database, Databases, Deposed, LeaseRow, Unavailable
from chatnet.store.postgres.follower import Follower
from chatnet.store.postgres.pool import Outage, Pool
from chatnet.store.taken_back import up_to_date
from chatnet.store.window import Window
from chatnet.telemetry import BatchCommitted, DraftPoisoned, LogOpened, Tell, unheard

if TYPE_CHECKING:
    from chatnet.world import World

LOGIN_READERS, PAGE_READERS = 1, 2
"""How many reader threads there are for logins, and for everybody who reads pages.

Each group has its own, so that heavy readers keep nobody from logging in.
"""

ATTEMPTS = 3
"""How often a read may exceed the database's time limit before its asker is told so."""
_UNTIL_ANSWERED = (Head, CursorAt)
"""Questions about one row: these are repeated without end."""

_MAX_DRAFTS, _MAX_BYTES = 1_000, 1024 * 1024
"""Limits of a batch. The answer must fit the buffers of the sockets: if the database waited for us to read
it, everybody who waits for the lock of the head row would wait too."""

T = TypeVar("T")


class PostgresLog:
    """An open log: see :meth:`open`.

    ``log_id`` names it; ``is_ready`` becomes true, and stays so, once the window has reached the head.
    ``trouble`` is a sentence while the database is away, otherwise empty; ``warning`` is one about the
    database's setup; ``poisoned`` counts the drafts on which the database or our own code raised.
    """

    _logger = Logger()

    def __init__(
        self,
        wall: Callable[[], float],
        pools: Sequence[ThreadPool],
        askers: tuple[Pool, Pool, Pool, Pool],
        follower: Follower,
        trouble: Outage,
        on_outgrown: Callable[[str], None],
        seconds: Callable[[], float],
        tell: Tell,
        epoch: int,
    ) -> None:
        self._on_outgrown = on_outgrown
        self._epoch = epoch
        self._seconds, self._tell = seconds, tell
        self._wall, self._pools, self._follower, self._trouble = wall, pools, follower, trouble
        self._askers = askers
        self._writer, logins, pages, _ = askers
        self._readers: dict[LaneName, Pool] = {"logins": logins, "pages": pages}
        self.window: Window = follower.window
        self.poisoned = 0
        self._appender = Appender(self._commit, _MAX_DRAFTS, _MAX_BYTES)

    @classmethod
    async def open_in(
        cls,
        world: World,
        url: str,
        on_rewound: Callable[[Cursor], None],
        on_outgrown: Callable[[str], None],
        tell: Tell,
        epoch: int = 0,
    ) -> Self:
        """Open the log at ``url`` with the parts of ``world``: see :meth:`open`."""
        return await cls.open(
            url=url,
            databases=world.databases,
            reactor=world.reactor,
            threads=world.threads,
            wall=world.wall,
            chance=world.chance,
            entropy=world.entropy,
            on_rewound=on_rewound,
            on_outgrown=on_outgrown,
            own_level=world.level,
            limits=world.limits,
            tell=tell,
            epoch=epoch,
        )

    @classmethod
    async def open(
        cls,
        url: str,
        databases: Databases,
        reactor: Any,
        threads: Callable[[int, str], ThreadPool],
        wall: Callable[[], float],
        chance: random.Random,
        entropy: Callable[[int], bytes],
        on_rewound: Callable[[Cursor], None],
        on_outgrown: Callable[[str], None],
        own_level: int,
        limits: Limits = LIMITS,
        tell: Tell = unheard,
        epoch: int = 0,
    ) -> Self:
        """Open the log at ``url``, and make it if it does not exist; wait while the database is away.

        ``on_rewound`` is called when the log turns out to have been put back, or to be another one, with the
        newest cursor that is still good (or the beginning). The window has begun again by then: everything
        that reads from it, or depends on ``log_id``, must begin again too.

        ``on_outgrown`` is called with a sentence, perhaps several times, when the log is above ``own_level``,
        which this process understands, or holds an unknown kind: the process must stop serving, and end.
        Nothing is followed after that, and no draft is answered.

        With an ``epoch``, it is the log of that epoch's primary: once another one has begun, nothing is
        appended here, nor answered.

        :raises Outgrown: the log is above that level already.
        :raises CannotStart: the database can never be used; the sentence says why.
        """

        def connect() -> Database:
            return databases.connect(url)

        def connect_to_read() -> Database:
            database = databases.connect(url)
            try:
                if not follower.is_of(database):
                    raise Unavailable("it was put back, and must be followed again first")
            except BaseException:
                database.close()
                raise
            return database

        began = reactor.seconds()
        trouble = Outage(tell, reactor.seconds)
        pools = (
            threads(1, "log writer"),
            threads(LOGIN_READERS, "log reader"),
            threads(PAGE_READERS, "page reader"),
            threads(2, "log follower"),
        )
        for pool in pools:
            pool.start()
        writer, logins, pages, looker = (
            Pool(reactor, pool, connecting, chance, trouble, size, limits.database.answer)
            for pool, connecting, size in zip(
                pools,
                (connect, connect_to_read, connect_to_read, connect),
                (1, LOGIN_READERS, PAGE_READERS, 1),
                strict=True,
            )
        )
        follower = Follower(
            reactor, looker, trouble, entropy, on_rewound, on_outgrown, own_level, limits, tell
        )
        askers = writer, logins, pages, looker
        log = cls(wall, pools, askers, follower, trouble, on_outgrown, reactor.seconds, tell, epoch)
        try:
            await follower.open()
        except BaseException:
            await log.close()
            raise
        tell(LogOpened(log.log_id, log.window.head, reactor.seconds() - began, log.warning))
        return log

    async def close(self) -> None:
        """Close at once: unanswered drafts are never answered. Takes as long as connecting, at most.

        Harmless if it is closed.
        """
        self._follower.close()
        for asker in self._askers:
            await asker.close()
        pools, self._pools = self._pools, ()
        for pool in pools:
            pool.stop()

    @property
    def log_id(self) -> str:
        return self._follower.log_id

    @property
    def is_ready(self) -> bool:
        return self._follower.is_ready

    @property
    def warning(self) -> str:
        return self._follower.warning

    @property
    def trouble(self) -> str:
        return self._trouble.sentence

    # ---- appending ----

    @property
    def waiting_bytes(self) -> int:
        """How many bytes were passed to :meth:`append` and are not known to be committed."""
        return self._appender.waiting_bytes

    def append(self, drafts: Sequence[Draft]) -> Deferred[list[Outcome]]:
        return self._appender.append(drafts)

    async def _commit(self, drafts: list[Draft]) -> list[Outcome]:
        now, began = int(self._wall() * 1000), self._seconds()
        # Repeated with the same keys if the result is unknown: the log then gives the same answers again.
        try:
            outcomes, poisoned = await self._writer.ask(
                lambda database: database.append(drafts, now, self._epoch)
            )
        except Outgrown as outgrown:
            self._on_outgrown(str(outgrown))
            return await Deferred()  # the clients send these again elsewhere
        except Deposed:
            return await Deferred()  # nor is there anybody to answer: our lease is over
        self._follower.ring()
        self._tell(BatchCommitted(len(drafts), self._seconds() - began))
        for draft, error in poisoned:
            self.poisoned += 1
            self._tell(DraftPoisoned(draft.described(), type(error).__name__))
            self._logger.failure(
                "A draft could not be stored and was refused: {what}", Failure(error), what=draft.described()
            )
        return outcomes

    async def outdate(self, level: int) -> None:
        """Remove from the database what older programs left, those that understand less than ``level``.

        If the database is away, what stays there does no harm: it refuses to work.
        """
        try:
            await self._readers["logins"].ask_once(lambda database: database.outdate(level))
        except Unavailable as away:
            self._logger.info("Functions of older programs are left in the database ({why})", why=str(away))

    async def free(self) -> Freed:
        """Overwrite some of the texts that are taken back together, if there are any.

        Waits while the database is away.
        """
        return await self._readers["pages"].ask(lambda database: database.free())

    async def overdue(self, now: int, day: int) -> list[Overdue]:
        """Return which posts are too old at ``now``, in milliseconds since 1970; so long is a ``day``."""
        return await self._readers["pages"].ask(lambda database: database.overdue(now, day))

    async def heirs(self) -> list[tuple[str, str]]:
        """Return private rooms whose last owner is forgotten, each with whoever has been there longest."""
        return await self._readers["pages"].ask(lambda database: database.heirs())

    async def lease(self) -> LeaseRow:
        """Return the cluster's lease as it is now.

        :raises Unavailable: the database is away.
        """
        return await self._readers["logins"].ask_once(lambda database: database.lease())

    # ---- marks ----

    async def keep_marks(self, marks: Sequence[UserMark]) -> list[UserMark]:
        """See :meth:`chatnet.log.Log.keep_marks`. Waits while the database is away."""
        return await self._readers["pages"].ask(lambda database: database.keep_marks(marks))

    # ---- reading ----

    async def read(self, question: Question[T]) -> T:
        attempts = None if isinstance(question, _UNTIL_ANSWERED) else ATTEMPTS
        readers = self._readers[question.lane]
        return await up_to_date(
            self.window, lambda: readers.ask(lambda database: database.read(question), attempts)
        )
