"""A post as people see it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from chatnet.blanking import Blanking
from chatnet.entries import Entry
from chatnet.names import named, spelled_for

TAKEN_BACK = "(taken back)"
"""What is shown of a post whose text is gone."""


def _nobody_known(seq: int) -> str:
    return ""


class Said(NamedTuple):
    """What ``user`` has said in ``room``, as the reader spells it: ``@bob`` is their conversation with bob.

    ``time`` is in milliseconds since 1970, by the log's clock, and ``seq`` its place in the log; both are 0
    for a post that is not acknowledged yet. ``form``: how it is meant, see :class:`chatnet.entries.More`.
    ``answers``: to whom, or to which post, if it answers one.
    """

    room: str
    user: str
    text: str
    time: int = 0
    seq: int = 0
    form: str = ""
    answers: str = ""

    @classmethod
    def by(cls, post: Entry, reader: str, author_of: Callable[[int], str] = _nobody_known) -> Said:
        """Return what was said in ``post``, for ``reader``. ``author_of`` returns who said the post of a seq,
        or empty."""
        form = "" if post.more is None else post.more.form
        answers = "" if post.ref is None else author_of(post.ref.seq) or str(post.ref.seq)
        room = spelled_for(post.room, reader)
        return cls(room, post.user, post.text, post.time, post.seq, form, answers)

    @property
    def line(self) -> str:
        """The post with its author; and with its room, unless that is its author's own."""
        is_action = self.form == "action" and self.text
        who = f"{self.user} (to {self.answers})" if self.answers else self.user
        said = f"* {who} {self.text}" if is_action else f"{who}: {self.text or TAKEN_BACK}"
        return said if self.room == self.user else f"[{self.room}] {said}"

    def is_in(self, taken: Blanking) -> bool:
        """Return whether its text is among those ``taken`` back together: see :meth:`.Blanking.covers`."""
        also = named(self.text) if self.room == self.user else ()
        return (
            0 < self.seq <= taken.upto
            and taken.user in ("", self.user)
            and taken.room in ("", self.room, *also)
        )

    def taken_back(self) -> Said:
        """Return it without its text."""
        return self._replace(text="")
