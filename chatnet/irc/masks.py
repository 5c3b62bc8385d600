"""Masks: the ``*`` and ``?`` of LIST and WHO, and what else these can be asked; whom a ban means. Pure.

Names are compared in their one spelling, so a mask finds what a client would take for the same name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import msgspec

from chatnet.irc.targets import OWN
from chatnet.names import fold

WHOX_FIELDS = "tcuihsnfdlaor"
"""What a WHOX can ask for, in the order in which it is answered."""
_STARS = re.compile(r"\*+")
_WILD = re.compile(r"[*?]")
_WHOX = re.compile(r"[^%]*%([a-zA-Z]*)(?:,([0-9]{1,3}))?")
_COUNT = re.compile(r"[<>][0-9]{1,9}")


@lru_cache(maxsize=256)
def matcher(mask: str) -> Callable[[str], bool]:
    """Return the function that tells whether a folded text is as the mask says.

    What was found between two stars is not tried again further on, which is never needed: so it takes at most
    the time of mask and text multiplied, whatever they are.
    """
    first, *others = (_literally(part) for part in _STARS.split(fold(mask)))
    if others:
        *middle, last = others
        first += "".join(f"(?>.*?{part})" for part in middle) + ".*" + last
    matches = re.compile(first, re.DOTALL).fullmatch
    return lambda text: matches(text) is not None


def _literally(part: str) -> str:
    return "".join("." if letter == "?" else re.escape(letter) for letter in part)


def is_mask(said: str) -> bool:
    """Return whether it has a ``*`` or ``?``, so that it may mean several names."""
    return _WILD.search(said) is not None


def banned(mask: str) -> str | None:
    """Return the nick that a mask of a ban means: ``bob`` and ``bob!*@*``, or ``*!bob@*`` and
    ``*!*bob@user``, as clients make it of a user's source. None: it means nobody alone. Of guests the
    word behind ``!`` tells nothing: they choose it."""
    nick, _, rest = mask.partition("!")
    word, _, host = rest.partition("@")
    if not nick.strip("*") and host != "guest":
        nick = word.lstrip("*")
    return None if not nick or is_mask(nick) or "@" in nick or nick[0] == "~" else nick


class Wanted(msgspec.Struct, frozen=True, gc=False):
    """Which channels a LIST is to have: those of one of the ``masks`` if there are any, and of none of
    ``but``; with more than ``above`` members and, unless that is None, fewer than ``below``.
    """

    masks: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    above: int = -1
    below: int | None = None

    @property
    def prefix(self) -> str:
        """With what all of them begin, if that is known: so the others need not be looked at."""
        return _WILD.split(self.masks[0])[0] if len(self.masks) == 1 else ""

    def has(self, channel: str, members: int) -> bool:
        """Return whether a channel, in its one spelling, is to be listed. A user's room is if it is asked
        for."""
        if members <= self.above or (self.below is not None and members >= self.below):
            return False
        masks = self.masks
        if channel.startswith(OWN):
            masks = tuple(mask for mask in masks if mask.startswith(OWN))
            if not masks:
                return False
        if masks and not any(matcher(mask)(channel) for mask in masks):
            return False
        return not any(matcher(mask)(channel) for mask in self.but)


def wanted(said: str) -> Wanted:
    """Return what the parameter of a LIST asks for: masks, names, ``!mask``, ``>n`` and ``<n``."""
    masks, but = [], []
    above, below = -1, None
    for one in said.split(","):
        if _COUNT.fullmatch(one):
            if one[0] == ">":
                above = max(above, int(one[1:]))
            else:
                below = int(one[1:]) if below is None else min(below, int(one[1:]))
        elif one[:1] == "!":
            but.append(fold(one[1:]))
        elif one:
            masks.append(fold(one))
    return Wanted(tuple(masks), tuple(but), above, below)


class Whox(msgspec.Struct, frozen=True, gc=False):
    """What a WHOX asks for: its fields, in the order of :data:`WHOX_FIELDS`, and the token of its answer."""

    fields: str
    token: str


def whox(said: str) -> Whox | None:
    """Return what the second parameter of a WHO asks for; None if it is none of WHOX's."""
    found = _WHOX.fullmatch(said)
    if found is None:
        return None
    fields, token = found[1], found[2] or ""
    return Whox("".join(one for one in WHOX_FIELDS if one in fields and (token or one != "t")), token)
