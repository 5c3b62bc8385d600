"""Worker -> primary: the log, served over AMP; and the primary's pushes of committed entries."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, TypeVar, get_args

import msgspec
from msgspec import Meta

from chatnet.cursor import CHECK_BYTES
from chatnet.entries import Draft, Entry
from chatnet.errors import BadRequest, CursorAhead
from chatnet.log import Outcome
from chatnet.reads import QUESTIONS, Question
from chatnet.wire.arguments import Bytes, Command, Number, Packed, declared

MAX_DRAFTS = 200
"""How many drafts a batch holds at most: even if each is refused at length, the outcomes fit an AMP value."""

T = TypeVar("T")


class Append(Command):
    """Append at most :data:`MAX_DRAFTS` drafts in this order. Answers one outcome for each, once all are
    durable.

    One batch at a time: the next is sent after the answer to the last.
    """

    arguments = [(b"drafts", Packed[list[Draft]](Annotated[list[Draft], Meta(max_length=MAX_DRAFTS)]))]
    response = [(b"outcomes", Packed[list[Outcome]](list[Outcome]))]


class Follow(Command):
    """Push every entry after this cursor by Committed, until the link ends; without a cursor, begin shortly
    before the head.

    The answer's cursor is where the pushes begin; ``level`` is the log's, which an older primary does not
    say.
    """

    arguments = [(b"cursor", Number(optional=True)), (b"check", Bytes(CHECK_BYTES, optional=True))]
    response = [
        (b"cursor", Number()),
        (b"check", Bytes(CHECK_BYTES)),
        (b"level", Number(optional=True)),
    ]
    errors = declared(CursorAhead)


class Committed(Command):
    """Primary -> worker: entries that continue the earlier pushes. No answer."""

    arguments = [(b"epoch", Number()), (b"entries", Packed[list[Entry]](list[Entry]))]
    requiresAnswer = False


def packed_question(questions: Sequence[type[Question[Any]]]) -> Packed[Question[Any]]:
    """Return an argument for one of these questions, sent with its name; any other is wrong."""
    return Packed(reduce(or_, questions))


class Answer(Packed[Any]):
    """An answer of any type. It stays packed on arrival: :func:`answer_to` knows the question."""

    def fromString(self, inString: bytes) -> bytes:
        return inString


class Read(Command):
    """A read of the log: a question of :mod:`chatnet.reads`."""

    arguments = [(b"question", packed_question(QUESTIONS))]
    response = [(b"answer", Answer(Any))]
    errors = declared(*(error for question in QUESTIONS for error in question.errors))


def answer_to(question: Question[T], answered: dict[str, Any]) -> T:
    """Return the answer to ``question`` from the response of :class:`Read`.

    :raises BadRequest: it is not an answer to that question.
    """
    try:
        answer: T = _answer_of(type(question)).fromString(answered["answer"])
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise BadRequest.of(why=f"the answer to “{type(question).__name__}” is wrong ({error}).") from error
    return answer


@cache
def _answer_of(question: type[Question[T]]) -> Packed[T]:
    bases: tuple[Any, ...] = vars(question)["__orig_bases__"]
    return Packed(get_args(bases[0])[0])
