"""The names and rooms that this client has come across, to complete what is typed. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from chatnet.client.said import Said
from chatnet.names import is_name, is_room, is_talk, named

MOST_SEEN = 2_000
"""How many names and how many rooms are remembered."""


class Seen:
    """Names and rooms, those that were seen last first. What only a lying worker can send is left out.

    ``own`` is the user's name: nobody mentions themselves.
    """

    def __init__(self) -> None:
        self.own = ""
        self._names: dict[str, None] = {}
        self._rooms: dict[str, None] = {}

    @property
    def names(self) -> list[str]:
        """The names of other users."""
        return [name for name in reversed(self._names) if name != self.own]

    @property
    def rooms(self) -> list[str]:
        """The rooms: each user that was seen has one."""
        return list(reversed(self._rooms))

    def said(self, said: Said) -> None:
        """A post was seen: its author last, and before that whom and what it names."""
        for word in named(said.text):
            if word[0] == "@":
                self._see_user(word[1:])
            else:
                self.room(word)
        self.room(said.room)
        self._see_user(said.user)

    def listed(self, rooms: Sequence[str]) -> None:
        """These rooms were listed. They are behind those where something was said, in their order."""
        names, rooms_said = self._names, self._rooms
        self._names, self._rooms = {}, {}
        for room in reversed(rooms):
            self.room(room)
        for name in names:
            _put(self._names, name)
        for room in rooms_said:
            _put(self._rooms, room)

    def room(self, room: str) -> None:
        """A room was seen."""
        if is_name(room.removeprefix("@")):
            self._see_user(room.removeprefix("@"))
        elif is_room(room) and not is_talk(room):
            _put(self._rooms, room)

    def forgotten(self, user: str) -> None:
        """There is no such user any more."""
        self._names.pop(user, None)
        self._rooms.pop(user, None)

    def _see_user(self, name: str) -> None:
        if is_name(name):
            _put(self._names, name)
            _put(self._rooms, name)


def _put(words: dict[str, None], word: str) -> None:
    words.pop(word, None)
    words[word] = None
    if len(words) > MOST_SEEN:
        del words[next(iter(words))]
