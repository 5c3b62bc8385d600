"""Where the lines of a chat are posted, and which of them nowhere. Pure."""

from __future__ import annotations


class Destination:
    """``room`` is where lines are posted; empty: in the user's own; None: nowhere.

    What was typed before its author could read that a room is refused may be meant for that room alone: it
    is posted nowhere. ``unposted`` counts what was to be posted, here or by a command, and was not.
    """

    def __init__(self) -> None:
        self.room: str | None = ""
        self.unposted = 0
        self._behind = 0
        self._is_behind = False

    def go_to(self, room: str | None) -> None:
        """Lines are posted in ``room`` from now on."""
        self.room, self._behind, self._is_behind = room, 0, False

    def stay(self, typed: int) -> None:
        """The user wanted to go to a room that is refused, and has ``typed`` so many lines since."""
        self._behind = typed

    def is_refused(self) -> bool:
        """Return whether the line that was read last is posted nowhere."""
        return self.room is None or self._is_behind

    def read(self) -> None:
        """A line was read, whatever it is."""
        self._is_behind = self._behind > 0
        self._behind = max(0, self._behind - 1)

    def in_vain(self) -> str:
        """What a script is told at its end: nobody is there to type it again. Empty if all was posted."""
        if not self.unposted:
            return ""
        lines = f"{self.unposted:,} lines were" if self.unposted > 1 else "1 line was"
        return f"{lines} not posted: what was shown then says why."
