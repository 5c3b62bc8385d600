"""The commands of :mod:`chatnet.wire.session` in JSON, as browsers and bots speak them. Pure.

A command's name is in small letters (``SetRole`` is ``set_role``); its arguments and results have the names
that they have in AMP. Bytes are base64url without padding; a structure is an object.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from twisted.protocols import amp

from chatnet.cursor import CHECK_BYTES, Cursor
from chatnet.entries import Entry
from chatnet.errors import BadRequest, ChatnetError, NotAllowed
from chatnet.kinds import SAID
from chatnet.text import legible
from chatnet.wire import common
from chatnet.wire import session as wire
from chatnet.wire.arguments import Bytes, Command, Flag, Number, Text
from chatnet.wire.table import Speaker, understood

VERSION = 1
"""The version of this dialect."""
MOST_NUMBER = (1 << 53) - 1
"""The greatest number: JavaScript has none beyond it that are exact."""
_MOST_DIGITS = len(str(MOST_NUMBER))
MISSED = 2_000
"""How many entries a client may be behind, and still gets all of them, unless it says another number."""

Message = dict[str, Any]

_OTHERWISE = frozenset({wire.Chat, wire.Unchat, common.Ping})
"""What is said otherwise here: by ``hello`` and ``ping``."""
_SECRET = frozenset({wire.SetSecret, wire.Forget, wire.Pair, wire.Recovery})
"""What carries a secret: it is asked by POST, where the secret may come from a cookie."""
ELSEWHERE = _OTHERWISE | _SECRET
"""The commands of a user that have no form here."""
RENAMED: Mapping[tuple[type[Command], str], str] = {(wire.Revoke, "id"): "session"}
"""The arguments that have another name here: a message has an ``id`` of its own."""
_FIELDS: Mapping[tuple[type[Command], str], Sequence[str]] = {
    (wire.Marks, "marks"): ("room", "seq"),
    (wire.Unread, "rooms"): ("room", "posts", "mentions"),
    (wire.Policies, "policies"): ("name", "value"),
}
"""How the parts of those results are called that have no names of their own."""
_BESIDE: Mapping[tuple[type[Command], str], str] = {(wire.Unread, "since"): "rooms"}
"""The lists that have a value for each part of another one, in which it stands here."""
_PLACE = "docs/web.md names the commands"


# ---- values ----


def packed(raw: bytes) -> str:
    """Return bytes as they stand in JSON."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def unpacked(text: str) -> bytes:
    """Return the bytes that stand so in JSON.

    :raises ValueError: that is not how any bytes are written.
    """
    try:
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError as error:
        raise ValueError("not base64url") from error
    if packed(raw) != text:
        raise ValueError("not base64url without padding")
    return raw


def _text(said: object) -> str:
    if type(said) is not str:
        raise ValueError("not a text")
    return said


def _number(said: object) -> int:
    if type(said) is not int or said < 0:
        raise ValueError("not a whole number")
    if said > MOST_NUMBER:
        raise ValueError("too large a number")
    return said


def number_in(text: str, most: int = MOST_NUMBER) -> int:
    """Return the whole number from 0 to ``most`` that stands so in a URL.

    :raises ValueError: there is none.
    """
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS) or int(text) > most:
        raise ValueError("not a whole number")
    return int(text)


def number_as(name: str, text: str) -> int:
    """Return the number that stands so in a URL as the value of ``name``.

    :raises BadRequest: there is none.
    """
    try:
        return number_in(text)
    except ValueError as error:
        raise BadRequest.of(why=f"the value of “{name}” is wrong ({error}).") from error


def _flag(said: object) -> bool:
    if type(said) is not bool:
        raise ValueError("neither true nor false")
    return said


def _bytes_of(size: int | None) -> Callable[[object], bytes]:
    def read(said: object) -> bytes:
        raw = unpacked(_text(said))
        if size is not None and len(raw) != size:
            raise ValueError(f"{len(raw)} bytes instead of {size}")
        return raw

    return read


def _reader(value: amp.Argument) -> Callable[[object], object]:
    match value:
        case Text():
            return _text
        case Number():
            return _number
        case Flag():
            return _flag
        case Bytes(size=size):
            return _bytes_of(size)
    raise TypeError(f"{value!r} has no form in JSON")


# ---- entries ----


class ShownRef(msgspec.Struct, gc=False):
    """Another entry, or how far somebody has read."""

    seq: int
    check: str


class ShownEntry(msgspec.Struct, omit_defaults=True, gc=False):
    """An entry as it stands in JSON. ``redacted``: it is a post whose text was taken back."""

    seq: int
    check: str
    time: int
    kind: str
    user: str
    room: str
    text: str
    key: str
    to: str = ""
    ref: ShownRef | None = None
    form: str = ""
    until: int = 0
    redacted: bool = False


def shown(log_id: str, entry: Entry) -> ShownEntry:
    """Return an entry of the log ``log_id`` as it is shown."""
    one = ShownEntry(
        entry.seq,
        packed(Cursor.at(log_id, entry).check),
        entry.time,
        entry.kind,
        entry.user,
        entry.room,
        entry.text,
        packed(entry.key),
    )
    more = entry.more
    if more is not None:
        one.to, one.form, one.until = more.to, more.form, min(more.until, MOST_NUMBER)
        if more.ref is not None:
            one.ref = ShownRef(more.ref.seq, packed(more.ref.check))
    if not entry.text and entry.kind in SAID:
        one.redacted = True
    return one


def shown_cursor(cursor: Cursor) -> ShownRef:
    """Return a cursor as it is shown."""
    return ShownRef(cursor.seq, packed(cursor.check))


def in_objects(log_id: str, value: object, fields: Sequence[str] = ()) -> object:
    """Return a result as it stands in JSON; ``fields`` are the names of what has none."""
    match value:
        case Entry():
            return shown(log_id, value)
        case Cursor():
            return shown_cursor(value)
        case msgspec.Struct():
            return msgspec.structs.asdict(value)
        case bytes():
            return packed(value)
        case list():
            return [in_objects(log_id, one, fields) for one in value]
        case tuple():
            return dict(zip(fields, value, strict=True))
    return value


# ---- commands ----


class _Key(NamedTuple):
    said: str
    name: str
    read: Callable[[object], object]
    otherwise: tuple[object, ...]
    """What stands for it where it is left out; empty if it must be there."""


class Form(NamedTuple):
    """How a command is said here."""

    command: type[Command]
    keys: tuple[_Key, ...]

    def arguments(self, message: Mapping[str, object]) -> dict[str, Any]:
        """Return the command's arguments from a message that asks it.

        :raises BadRequest: one is missing, or wrong.
        """
        found: dict[str, Any] = {}
        for said, name, read, otherwise in self.keys:
            value = message.get(said)
            if value is not None:
                try:
                    found[name] = read(value)
                except ValueError as error:
                    raise BadRequest.of(why=f"the value of “{said}” is wrong ({error}).") from error
            elif otherwise:
                found[name] = otherwise[0]
            else:
                raise BadRequest.of(why=f"the key “{said}” is missing.")
        return found

    def results(self, log_id: str, answer: Mapping[str, object]) -> Message:
        """Return what the command answered, as it stands in a message."""
        found: Message = {
            name: in_objects(log_id, value, _FIELDS.get((self.command, name), ()))
            for name, value in answer.items()
            if value is not None
        }
        for name in [name for name in found if (self.command, name) in _BESIDE]:
            for part, value in zip(found[_BESIDE[self.command, name]], found.pop(name), strict=True):
                part[name] = value
        return found

    @property
    def answers(self) -> list[str]:
        """The names of what the command answers."""
        named = [raw.decode("ascii") for raw, _ in self.command.response]
        return [name for name in named if (self.command, name) not in _BESIDE]


def said_as(command: type[Command]) -> str:
    """Return how the command is called here."""
    return re.sub("(?<!^)(?=[A-Z])", "_", command.__name__).lower()


def _form(command: type[Command]) -> Form:
    keys: list[_Key] = []
    for raw, value in command.arguments:
        name = raw.decode("ascii")
        otherwise = (None,) if value.optional else (False,) if isinstance(value, Flag) else ()
        keys.append(_Key(RENAMED.get((command, name), name), name, _reader(value), otherwise))
    return Form(command, tuple(keys))


FORMS: Mapping[str, Form] = {
    said_as(command): _form(command)
    for command in sorted(understood(Speaker.USER) - ELSEWHERE, key=lambda one: one.__name__)
}
"""The commands of a logged-in user, by their names here."""


def form_of(name: object) -> Form:
    """Return how the command of this name is said.

    :raises NotAllowed: there is none.
    """
    form = FORMS.get(name) if isinstance(name, str) else None
    if form is None:
        called = legible(name, 40) if isinstance(name, str) else "without a name"
        raise NotAllowed.of(command=called, hint=_PLACE)
    return form


# ---- messages of a client ----

_NO_NUMBER = float("nan")
"""What stands for a number that is not whole, whichever it is."""
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=lambda _: _NO_NUMBER).decode
"""No number here is but whole; to read another may take 12 µs, and a message has room for 10,000."""


def read(text: str | bytes) -> Message:
    """Return the message in ``text``.

    :raises BadRequest: it is not one JSON object.
    """
    try:
        return _decode(text)
    except (ValueError, RecursionError) as error:  # the latter: nested too deeply
        raise BadRequest.of(why=f"it is not a JSON object ({legible(str(error), 100)}).") from error


def id_of(message: Mapping[str, object]) -> int:
    """Return the number of a command, which its answer will have.

    :raises BadRequest: it has none.
    """
    try:
        return _number(message.get("id"))
    except ValueError as error:
        raise BadRequest.of(why=f"the value of “id” is wrong ({error}).") from error


class Hello(NamedTuple):
    """What a client says first: how far it has read, in which log, and how much it may have missed."""

    version: int
    log: str
    cursor: Cursor | None
    most: int


_HELLO = (
    _Key("v", "version", _number, ()),
    _Key("log", "log", _text, ("",)),
    _Key("cursor", "cursor", lambda said: cursor_in(said), (None,)),
    _Key("most", "most", _number, (MISSED,)),
)


def hello(message: Mapping[str, object]) -> Hello:
    """Return what a client says first.

    :raises BadRequest: it says something else, or a value is wrong.
    """
    if message.get("t") != "hello":
        raise BadRequest.of(why="the first message is hello.")
    return Hello(**Form(common.Ping, _HELLO).arguments(message))


_CHECK = _bytes_of(CHECK_BYTES)


def cursor_in(said: object) -> Cursor:
    """Return the cursor in an object.

    :raises ValueError: it is none.
    """
    if not isinstance(said, dict):
        raise ValueError("not a cursor")
    return Cursor(_number(said.get("seq")), _CHECK(said.get("check")))


# ---- messages of a worker ----

encode = msgspec.json.Encoder().encode
_POSTS, _END = b'{"t":"posts","posts":[', b"]}"


def posts(log_id: str, entries: Iterable[Entry], most: int) -> Iterator[bytes]:
    """Yield the messages that deliver ``entries``, each of ``most`` bytes, or of one entry."""
    some: list[bytes] = []
    room = most
    for entry in entries:
        one = encode(shown(log_id, entry))
        room -= len(one) + 1
        if room < 0 and some:
            yield _POSTS + b",".join(some) + _END
            some, room = [], most - len(one)
        some.append(one)
    if some:
        yield _POSTS + b",".join(some) + _END


def ok(number: int, results: Mapping[str, object]) -> bytes:
    """Return the answer to the command ``number``."""
    return encode({"t": "ok", "id": number, **results})


def error(number: int | None, why: ChatnetError) -> bytes:
    """Return the refusal of a command; without its number, of what is no command."""
    return encode({"t": "error", "id": number, "code": why.code.decode("ascii"), "text": str(why)})


def upto(cursor: Cursor) -> bytes:
    """Return the message that says: nothing for you up to ``cursor``."""
    return encode({"t": "upto", "cursor": shown_cursor(cursor)})


def marked(room: str, seq: int) -> bytes:
    """Return the message of :class:`chatnet.wire.session.Marked`."""
    return encode({"t": "marked", "room": room, "seq": seq})


def membership(room: str, seq: int, joined: bool) -> bytes:
    """Return the message of :class:`chatnet.wire.session.Membership`."""
    return encode({"t": "membership", "room": room, "seq": seq, "joined": joined})


MOVED = encode({"t": "moved"})


def rewound(to: Cursor) -> bytes:
    """Return the message of :class:`chatnet.wire.session.Rewound`."""
    return encode({"t": "rewound", "cursor": shown_cursor(to)})


def bye(code: str, sentence: str) -> bytes:
    """Return the message of :class:`chatnet.wire.session.Ended`."""
    return encode({"t": "bye", "code": code, "text": sentence})


def pong(said: object) -> bytes:
    """Return the answer to a ``ping``, with its number."""
    is_number = type(said) is int and 0 <= said <= MOST_NUMBER
    return encode({"t": "pong", "n": said if is_number else 0})
