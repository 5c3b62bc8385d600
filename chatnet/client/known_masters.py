"""Which masters are known, and how: by a public key, or by an authority. A private file, one line each."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from chatnet.addresses import Address
from chatnet.errors import CannotStart
from chatnet.text import legible
from chatnet.world import Files, Lock

BY_AUTHORITY = "authority"
"""Replaces the key's fingerprint for a master for which an authority has vouched."""
LOCK_SECONDS, LOOK_SECONDS = 2.0, 0.05
"""Seconds to wait for another client that is writing, which takes milliseconds; and between two tries."""
_LINE = re.compile(rf"(\S{{1,270}}) (SHA256:[0-9A-Za-z+/]{{43}}|{BY_AUTHORITY})")


class KnownMasters:
    """The masters in the file ``known_masters`` of ``directory``.

    It is read at each question: another client may have written it, or the user may have removed a line. It
    is written under the directory's lock, so that clients that write at the same time keep each other's
    lines.
    """

    def __init__(self, files: Files, directory: Path, clock: IReactorTime) -> None:
        self.path = directory / "known_masters"
        self._files = files
        self._clock = clock

    def of(self, master: Address) -> str | None:
        """Return the fingerprint of its key, or :data:`BY_AUTHORITY`; None if it is not known.

        :raises CannotStart: the file cannot be read, or holds something else; the sentence says why.
        """
        return self._read().get(_name(master))

    def line(self, master: Address, by: str) -> int | None:
        """Return the number of the line that says ``by`` of ``master``; None if there is none now.

        :raises CannotStart: as :meth:`of`.
        """
        lines = enumerate(self._read().items(), 1)
        return next((number for number, line in lines if line == (_name(master), by)), None)

    async def keep(self, master: Address, by: str, before: str | None) -> str | None:
        """Record that ``master`` is known by this from now on, if its line is still as ``before``.

        Otherwise nothing is written: another client has kept something meanwhile, which the master must
        satisfy first, or the user has taken the line out.

        :returns: by what it is known now: ``by``, or what was kept meanwhile.
        :raises CannotStart: as :meth:`of`, or if the file cannot be written.
        """
        try:
            self._files.make_directory(self.path.parent)
            lock = await self._locked()
            try:
                return self._replaced(_name(master), by, before)
            finally:
                if lock is not None:
                    lock.release()
        except OSError as error:
            raise CannotStart(
                f"The key of {master} cannot be kept in {self.path} ({error.strerror}): make that place "
                "writable, or set XDG_CONFIG_HOME to one that is."
            ) from error

    def _replaced(self, name: str, by: str, before: str | None) -> str | None:
        known = self._read()
        if known.get(name) != before:
            return known.get(name)
        known[name] = by
        content = "".join(f"{name} {how}\n" for name, how in known.items())
        self._files.write(self.path, content.encode())
        return by

    async def _locked(self) -> Lock | None:
        """Return the lock; None if locks do not work here, as on some networks, or its holder is stopped.

        A write without it may lose a line: then that master counts as new, and its key is shown again.
        """
        for _ in range(round(LOCK_SECONDS / LOOK_SECONDS)):
            try:
                lock = self._files.lock(self.path.parent)
            except OSError:
                return None
            if lock is not None:
                return lock
            await deferLater(self._clock, LOOK_SECONDS)
        return None

    def _read(self) -> dict[str, str]:
        try:
            lines = self._files.read(self.path).decode("utf-8", "replace").split("\n")
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise CannotStart(
                f"{self.path}, by which masters are known, cannot be read ({error.strerror}): put it right."
            ) from error
        known: dict[str, str] = {}
        for number, line in enumerate(lines[:-1] if lines[-1] == "" else lines, 1):
            found = _LINE.fullmatch(line)
            if found is None or found[1] in known:
                raise CannotStart(
                    f"Line {number} of {self.path} is none of chatnet's (“{legible(line, 60)}”): take it "
                    f"out. There stand HOST:PORT and SHA256:… or {BY_AUTHORITY}, each once."
                )
            known[found[1]] = found[2]
        return known


def _name(master: Address) -> str:
    return str(master.place)
