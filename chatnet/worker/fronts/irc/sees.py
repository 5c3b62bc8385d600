"""What a connection is shown of the log, by the capabilities that it asked for. Pure.

All connections of one class get the same bytes: a post is encoded once for each class, not for each of them.
"""

from __future__ import annotations

from typing import NamedTuple

from chatnet.irc.caps import TagClass, tag_class
from chatnet.worker.fronts.irc.faces import Faces

PLAIN = Faces()
"""Everybody as they are who have said nothing of how they are shown."""


class Sees(NamedTuple):
    """A class of connections: which ``tags`` they get, and which events they are shown; and whether they are
    shown what their user says in conversations elsewhere (``own_talks``). All see the same ``faces``."""

    tags: TagClass
    own_talks: bool
    faces: Faces = PLAIN

    @classmethod
    def of(cls, on: frozenset[str], faces: Faces = PLAIN) -> Sees:
        """Return the class of those who have these capabilities on."""
        return cls(tag_class(on), not on.isdisjoint(("echo-message", "znc.in/self-message")), faces)
