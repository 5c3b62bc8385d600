"""Bugs of what is taken back for its age: caught where days are short."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from simulation.mutants.planting import Mutant, Put

from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.master.retention import Retention
from chatnet.stays import Change
from chatnet.store import blanking
from chatnet.store.window import Window
from chatnet.worker.router import Router


def what_is_too_old_stays(put: Put) -> None:
    """The primary that takes over does not look for what is too old."""
    put(Retention, "start", lambda self: None)


def posts_go_before_their_time(put: Put) -> None:
    """What is a second younger than the policy lets it be is taken back, too."""

    def last_before(ask: blanking.Ask, moment: int) -> int:
        return real(ask, moment + 1_000)

    real: Callable[..., int] = put(blanking, "last_before", last_before)


def a_policy_that_was_lifted_is_followed(put: Put) -> None:
    """Where posts are to be kept for ever again, they go on being taken back."""

    def days_of(value: str) -> int:
        return real(value) or 1

    real: Callable[[str], int] = put(blanking, "days_of", days_of)


def windows_keep_what_is_too_old(put: Put) -> None:
    """What is taken back for its age is still read in the windows of those who followed the log before."""

    def take_back(self: Window, redactions: Sequence[Entry]) -> None:
        real(self, [entry for entry in redactions if entry.kind != "expire"])

    real: Callable[..., Any] = put(Window, "_take_back", take_back)


def who_chats_is_not_told_what_is_too_old(put: Put) -> None:
    """A worker tells those who catch up of what is taken back for its age, and not those who are live."""

    def event(self: Router, entry: Entry, moves: Sequence[Change]) -> None:
        if entry.kind != "expire":
            real(self, entry, moves)

    real: Callable[..., None] = put(Router, "_event", event)


def the_check_of_a_post_is_of_its_text(put: Put) -> None:
    """A post whose text is gone has another check than before: who has read up to it is told that the log was
    put back."""

    def at(cls: type[Cursor], log_id: str, entry: Entry) -> Cursor:
        is_gone = entry.kind == "post" and not entry.text
        cursor: Cursor = real(log_id, entry)
        return Cursor(cursor.seq, cursor.check[::-1]) if is_gone else cursor

    real = Cursor.at
    put(Cursor, "at", classmethod(at))


MUTANTS: tuple[Mutant, ...] = (
    what_is_too_old_stays,
    posts_go_before_their_time,
    a_policy_that_was_lifted_is_followed,
    windows_keep_what_is_too_old,
    who_chats_is_not_told_what_is_too_old,
    the_check_of_a_post_is_of_its_text,
)
