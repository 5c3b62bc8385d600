"""How users are shown to people of IRC: in which capitals, with which ident and real name. Pure.

An entry of the kind ``spelling`` says it of its author, ``guest`` and ``nick`` of a guest: the text is the
spelling, the ident, and the real name, with a space between; nobody but guests has an ident of their own.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from chatnet.ignorable import bare
from chatnet.names import GUEST, is_guest, is_name, too_many_marks

NO_IDENT = "-"
"""The ident of those who have none of their own."""
MOST_IDENT = 10
MOST_REAL_NAME = 150
"""The longest real name, in characters."""
MOST_TEXT = 32 + MOST_IDENT + MOST_REAL_NAME + 2
_IDENT = re.compile(rf"[A-Za-z0-9._-]{{1,{MOST_IDENT}}}")


class Face(NamedTuple):
    """How a user is shown: their name as they spell it, their ident, and their real name, perhaps empty."""

    spelled: str
    ident: str
    real_name: str

    @property
    def text(self) -> str:
        """The text of the entry that says so."""
        return f"{self.spelled} {self.ident} {self.real_name}".rstrip(" ")


def face_of(text: str) -> Face:
    """Return what the text of an entry says; an empty one was taken back."""
    spelled, ident, real_name = (*text.split(" ", 2), "", "")[:3]
    return Face(spelled, ident or NO_IDENT, real_name)


def guest(name: str) -> str:
    """Return what a guest with this name is called."""
    return GUEST + name


def ident_of(word: str) -> str:
    """Return the ident for what somebody says of themselves, which may be anything."""
    return "".join(_IDENT.findall(word))[:MOST_IDENT] or "guest"


def wrong_face(text: str, user: str) -> str:
    """Return why this is not how ``user`` can be shown; empty if it is."""
    face = face_of(text)
    name = user[1:] if is_guest(user) else user
    if not face.spelled.isascii() or face.spelled.lower() != name or not is_name(name):
        return "A name is spelled in other capitals at most."
    if not _IDENT.fullmatch(face.ident) or (face.ident != NO_IDENT and not is_guest(user)):
        return f"An ident has at most {MOST_IDENT} letters and digits, and only guests have one."
    real = face.real_name
    if len(real) > MOST_REAL_NAME or not real.isprintable() or too_many_marks(bare(real)):
        return f"A real name has at most {MOST_REAL_NAME} characters, on one line."
    return "" if face.text == text else "That is not how this is written."
