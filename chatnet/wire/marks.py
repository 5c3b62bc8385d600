"""Worker <-> primary: how far users have read. The primary keeps marks beside an embedded store, and tells
the other workers of all of them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from chatnet.marks import MOST_MARKS, UserMark
from chatnet.wire.arguments import Command, Number, Packed

_MARKS = Packed[list[UserMark]](Annotated[list[UserMark], Meta(max_length=MOST_MARKS)])


class KeepMarks(Command):
    """Worker -> primary: keep at most :data:`MOST_MARKS` marks beside the log. Answers those that are news.

    One batch at a time: the next is sent after the answer to the last. The primary tells the other workers.
    """

    arguments = [(b"marks", _MARKS)]
    response = [(b"kept", _MARKS)]


class TellMarks(Command):
    """Worker -> primary: tell the other workers of these marks, which the database keeps. No answer."""

    arguments = [(b"marks", _MARKS)]
    requiresAnswer = False


class MarksTold(Command):
    """Primary -> worker: another worker's users have set these marks. No answer.

    It is only for speed: a worker whose link is full is not told.
    """

    arguments = [(b"epoch", Number()), (b"marks", _MARKS)]
    requiresAnswer = False
