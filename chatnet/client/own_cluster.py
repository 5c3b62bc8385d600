"""The cluster where a client has logged in, found again; of others in its place the user is told once."""

from __future__ import annotations

from collections.abc import Callable

from chatnet.client.finder import DIAL_SECONDS, Finder
from chatnet.client.race import Unreachable
from chatnet.client.states import Found
from chatnet.errors import WrongVersion

OTHER = (
    "Another cluster is at {master} now; going on to look for yours, for which what you type is kept. To "
    "talk there, start again."
)
"""What the user is told once of each."""

STILL = "Going on to look for one that does not."
"""What the user is told, once, of a master that speaks another version than the one we had."""

DOUBTED = "Until then others are looked for; what you type is kept."
"""What the user is told, once, of a master that is not the one that it was."""


class OwnCluster:
    """Finds workers by ``finder``. What the user should know of others is told once for each."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._strange: set[str] = set()
        self._doubts: set[str] = set()
        self._told_version = False

    async def find(self, log_id: str | None, tell: Callable[[str], None]) -> Found:
        """A worker of the log ``log_id``; of any, if the client has not logged in yet.

        :raises WrongVersion: the first master that we meet is of another version.
        :raises Distrusted: likewise, it is not what it was. :raises CannotStart: nor can it be looked up.
        :raises Unreachable: there is none, or later one of another version: perhaps a stranger has its port.
        """

        def is_ours(found: Found) -> bool:
            if log_id is None or log_id == found.log_id:
                return True
            if found.log_id not in self._strange:
                self._strange.add(found.log_id)
                tell(OTHER.format(master=found.master))
            return False

        def doubt(error: BaseException) -> None:
            if log_id is None:
                raise error
            if str(error) not in self._doubts:
                self._doubts.add(str(error))
                tell(f"{error} {DOUBTED}")

        try:
            finding = self._finder.find(is_ours, tell, doubt)
            return await self._finder.within(3 * DIAL_SECONDS, finding)
        except WrongVersion as error:
            if log_id is None:
                raise
            if not self._told_version:
                tell(f"{error} {STILL}")
            self._told_version = True
            raise Unreachable(str(error)) from error
