"""Who is connected to other processes, as the primary tells a process that watches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from chatnet.presence import GRACE_SECONDS, Present

Changed = Callable[[str, Present | None, Present | None], None]
"""Called with a user, and their presence elsewhere before and now; None: they are not there."""


class PresentElsewhere:
    """The users of other processes. ``known`` has each who is there.

    While there is no primary, nothing changes: what was known last holds. A primary that begins anew may not
    know yet who is where: whom it has not named :data:`~chatnet.presence.GRACE_SECONDS` after the end of its
    whole state is gone.
    """

    def __init__(self, clock: IReactorTime, changed: Changed) -> None:
        self._clock, self._changed = clock, changed
        self.known: dict[str, Present] = {}
        self._unsaid: dict[str, None] = {}
        self._forgetting: IDelayedCall | None = None

    def told(self, people: Sequence[Present], begins: bool, goes_on: bool) -> None:
        """See :class:`~chatnet.worker.presence.Watcher`."""
        if begins:
            self.stop()
            self._unsaid = dict.fromkeys(self.known)
        for one in people:
            self._unsaid.pop(one.user, None)
            self._note(one.user, one if one.sessions else None)
        if self._unsaid and not goes_on and self._forgetting is None:
            self._forgetting = self._clock.callLater(GRACE_SECONDS, self._forget)

    def stop(self) -> None:
        """Forget nobody more by time."""
        forgetting, self._forgetting = self._forgetting, None
        if forgetting is not None and forgetting.active():
            forgetting.cancel()

    def _forget(self) -> None:
        self._forgetting = None
        unsaid, self._unsaid = self._unsaid, {}
        for user in unsaid:
            self._note(user, None)

    def _note(self, user: str, now: Present | None) -> None:
        before = self.known.get(user)
        if now == before:
            return
        if now is None:
            del self.known[user]
        else:
            self.known[user] = now
        self._changed(user, before, now)
