"""The lines for IRC clients, made of words that are checked here. Pure.

A line that a post is in is made once for all who get the same tags: see :class:`chatnet.irc.caps.TagClass`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from chatnet.irc.lines import MOST_BYTES
from chatnet.irc.numerics import Numeric

MOST_WORD = 300
"""How many bytes of a client's own word stand in an answer: a whole channel, or any usual mask."""
_CUT = "…".encode()
_UNSAFE = re.compile(r"[;\\ \r\n]")
_ESCAPES = {";": r"\:", "\\": r"\\", " ": r"\s", "\r": r"\r", "\n": r"\n"}


def line(source: str, command: str, *params: str, tags: str = "", trailing: bool = False) -> bytes:
    """Return a line of ours; ``trailing``: the last parameter has a ``:`` even where none is needed.

    What does not fit into a line is cut, and ends in “…”. That is for topics and the words of clients: posts
    are split by :func:`chatnet.irc.texts.outgoing` before.

    :raises ValueError: a parameter would begin another line, or end where it should not.
    """
    text = f":{source} {command}" if source else command
    if params:
        *middle, last = params
        for param in middle:
            if not param or param[0] == ":" or " " in param:
                raise ValueError(f"not a parameter before others: {param!r}")
            text = f"{text} {param}"
        colon = ":" if trailing or not last or last[0] == ":" or " " in last else ""
        text = f"{text} {colon}{last}"
    if "\n" in text or "\r" in text or "\0" in text:
        raise ValueError(f"not one line: {text!r}")
    raw = text.encode()
    if len(raw) > MOST_BYTES:
        raw = raw[: MOST_BYTES - len(_CUT)].decode(errors="ignore").encode() + _CUT
    return tagged(tags, raw + b"\r\n") if tags else raw + b"\r\n"


def numeric(server: str, to: str, what: Numeric, *params: str, tags: str = "") -> bytes:
    """Return an answer with a number, and with the text that it always has, if there is one."""
    said = (to, *params, what.text) if what.text else (to, *params)
    return line(server, what.code, *said, tags=tags, trailing=True)


def tagged(tags: str, made: bytes) -> bytes:
    """Return a line that has no tags with these."""
    if " " in tags or "\n" in tags or "\r" in tags or "\0" in tags:
        raise ValueError(f"not tags: {tags!r}")
    return f"@{tags} ".encode() + made


def word(said: str) -> str:
    """Return a client's word as it can stand before other parameters: ``*`` if it cannot. Of one that is too
    long it is the beginning, and “…”."""
    if not said or said[0] == ":" or " " in said:
        return "*"
    raw = said.encode()
    return said if len(raw) <= MOST_WORD else raw[:MOST_WORD].decode(errors="ignore") + "…"


def tags(values: Mapping[str, str]) -> str:
    """Return tags as they stand in a line, without the ``@``."""
    return ";".join([f"{key}={escape(value)}" if value else key for key, value in values.items()])


def escape(value: str) -> str:
    """Return the value of a tag as it stands in a line."""
    return _UNSAFE.sub(lambda found: _ESCAPES[found[0]], value) if _UNSAFE.search(value) else value
