"""Worker -> primary: the log, served over AMP; and the primary's pushes of what was committed."""

from __future__ import annotations

from chatnet.cursor import CHECK_BYTES, Cursor
from chatnet.entries import Draft, Entry
from chatnet.errors import CursorAhead, NoSuchRoom
from chatnet.log import Outcome
from chatnet.reads import Account, FeedPage, Position, RoomPage, Snapshot
from chatnet.wire.arguments import Bytes, Command, Number, Packed, Text, declared

Posts = Packed[list[Entry]]


class Append(Command):
    """Append drafts in this order. One outcome for each, once all are durable."""

    arguments = [(b"drafts", Packed[list[Draft]](list[Draft]))]
    response = [(b"outcomes", Packed[list[Outcome]](list[Outcome]))]


class Follow(Command):
    """Push every entry after this cursor by Committed, for ever; without it, from shortly before the head.

    The answer's cursor is where the pushes begin.
    """

    arguments = [(b"cursor", Number(optional=True)), (b"check", Bytes(CHECK_BYTES, optional=True))]
    response = [(b"cursor", Number()), (b"check", Bytes(CHECK_BYTES))]
    errors = declared(CursorAhead)


class Committed(Command):
    """Primary -> worker: entries that continue what was pushed before. No answer."""

    arguments = [(b"epoch", Number()), (b"entries", Packed[list[Entry]](list[Entry]))]
    requiresAnswer = False


class ReadHead(Command):
    response = [(b"head", Number())]


class ReadCursor(Command):
    arguments = [(b"seq", Number())]
    response = [(b"cursor", Packed[Cursor](Cursor, optional=True))]


class ReadSnapshot(Command):
    """See :meth:`chatnet.log.Log.snapshot`; likewise the other reads.

    ``behind`` is what the page before said.
    """

    arguments = [
        (b"user", Text()),
        (b"after", Number()),
        (b"upto", Number()),
        (b"behind", Packed[Position](Position, optional=True)),
    ]
    response = [(b"snapshot", Packed[Snapshot](Snapshot))]


class ReadAccount(Command):
    arguments = [(b"user", Text())]
    response = [(b"account", Packed[Account](Account, optional=True))]


class ReadNewest(Command):
    arguments = [(b"user", Text()), (b"upto", Number())]
    response = [(b"posts", Posts(list[Entry]))]


class ReadFeed(Command):
    arguments = [(b"user", Text()), (b"after", Number()), (b"upto", Number())]
    response = [(b"feed", Packed[FeedPage](FeedPage))]


class ReadHistory(Command):
    arguments = [(b"room", Text()), (b"before", Number(optional=True))]
    response = [(b"posts", Posts(list[Entry]))]
    errors = declared(NoSuchRoom)


class ReadRooms(Command):
    arguments = [(b"prefix", Text()), (b"after", Text())]
    response = [(b"rooms", Packed[RoomPage](RoomPage))]
