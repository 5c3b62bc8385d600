"""The list of what was taken back, which stands beside a store: a backup of the store that is put back knows
nothing of what was taken back since. Pure.

A line is what one batch of the log took back: a check of the rest of it, the log's id, and each *erasure*,
with spaces between. It names posts, users and rooms, and has no text of anybody.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote

from chatnet.entries import KEY_BYTES
from chatnet.names import is_name, is_private, is_room, is_topic, is_user

MOST_IN_LINE = 100
"""How many erasures stand in a line."""
MOST_LINE = 1 << 20
"""How many bytes a line has, at most: thirty times what so many of the longest erasures need."""
_TIME = re.compile("[0-9]{1,19}")


class Erasure(NamedTuple):
    """What an entry of the ``kind`` took back. ``redact``: the post that ``user`` sent under ``key``.
    ``forget``: all that ``user`` ever said. ``purge``: what they said in ``room`` (empty: everywhere) up to
    the log's ``time``, in milliseconds since 1970; ``expire``: the same of everybody. ``purged``: one of the
    posts that a purge at that ``time`` took, by its ``key``: so it is known again if it comes again."""

    kind: str
    user: str = ""
    room: str = ""
    key: bytes = b""
    time: int = 0

    def __str__(self) -> str:
        match self.kind:
            case "redact":
                return f"redact:{self.user}:{self.key.hex()}"
            case "forget":
                return f"forget:{self.user}"
            case "purge":
                return f"purge:{self.user}:{self.room}:{self.time}"
            case "purged":
                return f"purged:{self.user}:{self.key.hex()}:{self.time}"
        return f"expire:{self.room}:{self.time}"


class Line(NamedTuple):
    """A line of the list: the ``log`` is named by its id."""

    log: str
    erasures: tuple[Erasure, ...]


def line_of(log_id: str, erasures: Iterable[Erasure]) -> bytes:
    """Return the line, with its end."""
    rest = " ".join([quote(log_id), *map(str, erasures)]).encode()
    return b"%s %s\n" % (_check(rest), rest)


def lines_of(log_id: str, erasures: Sequence[Erasure]) -> Iterator[bytes]:
    """Return as many lines as that takes."""
    for at in range(0, len(erasures), MOST_IN_LINE):
        yield line_of(log_id, erasures[at : at + MOST_IN_LINE])


def line_in(content: bytes) -> Line | None:
    """Return what a line says, without its end; None if it is not as it was written."""
    check, _, rest = content.partition(b" ")
    if check != _check(rest):
        return None
    try:
        log_id, *words = rest.decode().split(" ")
        return Line(unquote(log_id), tuple(map(_erasure, words)))
    except ValueError:
        return None


def _erasure(word: str) -> Erasure:
    """:raises ValueError: it is none."""
    match word.split(":"):
        case ["redact", user, key] if is_user(user) and len(key) == 2 * KEY_BYTES:
            return Erasure("redact", user, key=bytes.fromhex(key))
        case ["purged", user, key, time] if (
            is_user(user) and len(key) == 2 * KEY_BYTES and _TIME.fullmatch(time)
        ):
            return Erasure("purged", user, key=bytes.fromhex(key), time=int(time))
        case ["forget", user] if is_name(user):
            return Erasure("forget", user)
        case ["purge", user, room, time] if is_user(user) and _is_place(room, time):
            return Erasure("purge", user, room, time=int(time))
        case ["expire", room, time] if _is_place(room, time):
            return Erasure("expire", room=room, time=int(time))
    raise ValueError("that is no erasure")


def _is_place(room: str, time: str) -> bool:
    is_place = not room or (is_room(room) and (is_topic(room) or is_private(room)))
    return is_place and _TIME.fullmatch(time) is not None


def _check(rest: bytes) -> bytes:
    return hashlib.sha256(rest).hexdigest()[:8].encode()
