"""Finds the cluster of the first login again; tells the user once about each other cluster in its place."""

from __future__ import annotations

from collections.abc import Callable

from chatnet.addresses import Address
from chatnet.client.finder import DIAL_SECONDS, Finder
from chatnet.client.race import Unreachable
from chatnet.client.states import Found
from chatnet.client.trust import Distrusted
from chatnet.errors import WrongVersion

OTHER = (
    "Another cluster is at {master} now; going on to look for yours, for which what you type is kept. To "
    "talk there, start again."
)
"""What the user is told, once for each other cluster."""

STILL = "Going on to look for one that does not."
"""What the user is told, once, about a master that speaks another version than the one at the first login."""

DOUBTED = "Until then others are looked for; what you type is kept."
"""What the user is told, once for each key that it shows, about a master that has changed."""

MOST_KEYS = 3
"""How many wrong keys of one master are told, until it shows the right one again."""
MORE_KEYS = "{master} shows one wrong key after the other: no more of them are shown to you."
"""What the user is told after that, once."""


class OwnCluster:
    """Finds workers with ``finder``. What the user should know about others is told once for each."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._strange: set[str] = set()
        self._doubts: dict[Address | None, list[str]] = {}
        self._told_version = False

    async def find(self, log_id: str | None, tell: Callable[[str], None]) -> Found:
        """Return a worker of the log ``log_id``; of any log, if the client has not logged in yet.

        :raises WrongVersion: the first master that we meet speaks another version.
        :raises Distrusted: the same, it has changed. :raises CannotStart: its key cannot be looked up.
        :raises Unreachable: there is none; or, after a login, a master with another version, perhaps a
            stranger on its port.
        """

        def is_ours(found: Found) -> bool:
            for right in (found.master, None):
                self._doubts.pop(right, None)
            if log_id is None or log_id == found.log_id:
                return True
            if found.log_id not in self._strange:
                self._strange.add(found.log_id)
                tell(OTHER.format(master=found.master))
            return False

        def doubt(master: Address, error: BaseException) -> None:
            if log_id is None:
                raise error
            self._doubt(master if isinstance(error, Distrusted) else None, str(error), tell)

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

    def _doubt(self, master: Address | None, sentence: str, tell: Callable[[str], None]) -> None:
        """Tell what is wrong with ``master``; with None, what is wrong with the file of known masters."""
        said = self._doubts.setdefault(master, [])
        if sentence in said or len(said) > MOST_KEYS:
            return
        said.append(sentence)
        has_many = master is not None and len(said) > MOST_KEYS
        tell(MORE_KEYS.format(master=master) if has_many else f"{sentence} {DOUBTED}")
