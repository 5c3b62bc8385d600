"""Writes that guests are gone whose connection nobody has any more: their process died, or lost the log.

The process that has a guest's connection writes its end itself. The primary does it for a guest that no
process has reported for some time, counted within the primary's own reign: before, it knows nothing of them.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from twisted.internet.interfaces import IReactorTime

from chatnet.entries import KEY_BYTES, Draft, More, Ref
from chatnet.kinds import CLUSTER
from chatnet.master.store import Log
from chatnet.names import GUEST
from chatnet.net.timer import Timer
from chatnet.reads import PAGE_FACES, CursorAt, Faces, SnapshotOf

LOOKS_SECONDS = 5.0
"""Seconds from one look at the guests to the next."""
LOST_SECONDS = 30.0
"""Seconds after which a guest is gone that no process reports."""
WORDS = "connection lost"


class LostGuests:
    """Looks after the guests of ``log`` from :meth:`start` until :meth:`stop`; ``is_reported`` says whether
    any process has somebody's connection."""

    def __init__(self, log: Log, is_reported: Callable[[str], bool], clock: IReactorTime) -> None:
        self._log, self._is_reported, self._clock = log, is_reported, clock
        self._looking = Timer(clock, LOOKS_SECONDS, self._look, "Cannot look for guests who are gone")
        self._reported_at: dict[tuple[str, int], float] = {}

    def start(self) -> None:
        """Begin to look."""
        self._looking.start()

    def stop(self) -> None:
        """Write nothing more."""
        self._looking.stop()

    async def _look(self) -> None:
        guests = await self._guests()
        now = self._clock.seconds()
        before = {} if self._looking.slept else self._reported_at
        self._reported_at = {
            guest: now if self._is_reported(guest[0]) else before.get(guest, now) for guest in guests
        }
        for guest in [one for one, since in self._reported_at.items() if now - since >= LOST_SECONDS]:
            await self._end(*guest)

    async def _guests(self) -> list[tuple[str, int]]:
        """Return all guests, each with the seq of what is newest about them: somebody else may come by the
        same name in a moment. They are few, and behind all users."""
        guests: list[tuple[str, int]] = []
        after = GUEST
        while True:
            page = await self._log.read(Faces(after))
            guests += [(one.user, one.seq) for one in page]
            if len(page) < PAGE_FACES:
                return guests
            after = page[-1].user

    async def _end(self, guest: str, seq: int) -> None:
        """Write that a guest is gone, of whom we knew at ``seq``: none who may come meanwhile by the name."""
        head = self._log.window.head
        came = (await self._log.read(SnapshotOf(guest, head, head))).registered
        cursor = await self._log.read(CursorAt(came))
        if not came or came > seq or cursor is None or self._is_reported(guest):
            return
        key = blake2b(f"{self._log.window.log_id} {came} {guest}".encode(), digest_size=KEY_BYTES).digest()
        more = More(to=guest, ref=Ref(came, cursor.check))
        await self._log.append([Draft("gone", CLUSTER, CLUSTER, WORDS, key, 0, more)])
