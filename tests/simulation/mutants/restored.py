"""Bugs of a log that is put back to a backup: texts that were taken back since come again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulation.mutants.planting import Mutant, Put

from chatnet.erased import Erasure
from chatnet.store.sqlite import erased, opening, writer
from chatnet.store.sqlite.erased import ErasedList
from chatnet.store.sqlite.writer import Listed, Writer


def the_list_is_not_read(put: Put) -> None:
    """A master that opens a log believes what the log itself says was taken back."""

    def catch_up(path: Any, files: Any, connection: Any, store: Writer, log_id: str, commit: Any) -> None:
        list_at = path.with_name(erased.NAME)
        store.keep_list(ErasedList(list_at, files, connection, log_id).write)

    put(opening, "catch_up", catch_up)


def what_comes_again_is_not_awaited(put: Put) -> None:
    """A post that was taken back, and is sent again to a log from before it, has its text again."""

    def await_again(self: Writer, posts: Sequence[tuple[str, bytes]], names: Sequence[str]) -> None:
        real(self, (), names)

    real = put(Writer, "await_again", await_again)


def nothing_is_written_down(put: Put) -> None:
    """The list says nothing of what is taken back."""
    put(ErasedList, "write", _nothing)


def _nothing(self: ErasedList, erasures: Sequence[Erasure]) -> Listed:
    return Listed(0, "")


def the_list_has_no_key_of_a_purged_post(put: Put) -> None:
    """It says who was purged, and until when, which says nothing of what comes again later."""
    put(writer, "purged", lambda blanking, time, posts: ())


MUTANTS: tuple[Mutant, ...] = (
    the_list_is_not_read,
    what_comes_again_is_not_awaited,
    nothing_is_written_down,
    the_list_has_no_key_of_a_purged_post,
)
