"""Which masters are known, and by what: their public key, or an authority. A private file, a line each."""

from __future__ import annotations

import re
from pathlib import Path

from chatnet.addresses import Address
from chatnet.errors import CannotStart
from chatnet.text import legible
from chatnet.world import Files

BY_AUTHORITY = "authority"
"""Stands where a key's fingerprint would, of a master for which an authority has vouched."""
_LINE = re.compile(rf"(\S{{1,270}}) (SHA256:[0-9A-Za-z+/]{{43}}|{BY_AUTHORITY})")


class KnownMasters:
    """Those in the file ``known_masters`` of ``directory``.

    It is read at each question: another client may have written it, or the user have taken a line out.
    """

    def __init__(self, files: Files, directory: Path) -> None:
        self.path = directory / "known_masters"
        self._files = files

    def of(self, master: Address) -> str | None:
        """The fingerprint of its key, or :data:`BY_AUTHORITY`; None if it is not known.

        :raises CannotStart: the file cannot be read, or holds something else; the sentence says why.
        """
        return self._read().get(_name(master))

    def line(self, master: Address) -> int:
        """The number of its line in the file."""
        return list(self._read()).index(_name(master)) + 1

    def keep(self, master: Address, by: str) -> None:
        """Know ``master`` by this from now on.

        :raises CannotStart: as :meth:`of`, or if the file cannot be written.
        """
        known = {**self._read(), _name(master): by}
        content = "".join(f"{name} {how}\n" for name, how in known.items())
        try:
            self._files.make_directory(self.path.parent)
            self._files.write(self.path, content.encode())
        except OSError as error:
            raise CannotStart(
                f"The key of {master} cannot be kept in {self.path} ({error.strerror}): make that place "
                "writable, or set XDG_CONFIG_HOME to one that is."
            ) from error

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
