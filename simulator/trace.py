"""The story of a run, in lines that are the same each time the same seed is run."""

from __future__ import annotations

import re

# The default repr of an object carries its address in memory, which differs from run to run.
_ADDRESS = re.compile(r"0x[0-9a-f]+|(?<= at )[0-9a-f]{6,}(?=>)")

Line = tuple[float, str, str, tuple[object, ...]]


def without_addresses(text: str) -> str:
    """Return ``text`` with the memory addresses of objects blotted out."""
    return _ADDRESS.sub("0x…", text) if "0x" in text or " at " in text else text


class Trace:
    """Lines of time, process, and text. They are formatted only when somebody reads them.

    ``detailed``: each piece of data that travels has a line too.
    """

    def __init__(self, detailed: bool = False) -> None:
        self.detailed = detailed
        self._lines: list[Line] = []

    def add(self, time: float, who: str, template: str, *values: object) -> None:
        """Add a line; ``values`` (immutable ones) fill the ``{}`` of ``template``."""
        self._lines.append((time, who, template, values))

    def __len__(self) -> int:
        return len(self._lines)

    def lines(self) -> list[str]:
        """Return all lines, readable."""
        return [
            f"{time:12.6f}  {who:<28} {template.format(*values)}"
            for time, who, template, values in self._lines
        ]

    def text(self) -> str:
        """Return all lines as one text."""
        return "\n".join(self.lines()) + "\n"

    def has(self, words: str) -> bool:
        """Return whether a line contains ``words``."""
        return any(words in line for line in self.lines())
