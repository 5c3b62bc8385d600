"""The values of AMP commands, and the base of all commands.

A value that cannot be read raises :class:`~chatnet.errors.BadRequest` with the key and the reason; unknown
keys are ignored, so that a newer peer may send more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import msgspec
from twisted.protocols import amp

from chatnet.errors import (
    BadRequest,
    ChatnetError,
    InternalFailure,
    NotAllowed,
    NotInScope,
    TlsRequired,
    TooSlow,
    Unreadable,
)
from chatnet.wire.boxes import Box

MAX_VALUE = 65_535
"""The longest value that AMP can carry, in bytes."""

T = TypeVar("T")


class Value(amp.Argument):
    """An argument of any type; subclasses define the encoding. A command reads its boxes by itself."""

    def toBox(self, name: bytes, strings: Any, objects: dict[str, Any], proto: Any) -> None:
        value = objects.get(name.decode("ascii"))
        if value is None and self.optional:
            return
        strings[name] = self.toString(value)


class Text(Value):
    """A string, in UTF-8."""

    def fromString(self, inString: bytes) -> str:
        return inString.decode("utf-8")

    def toString(self, inObject: str) -> bytes:
        return inObject.encode("utf-8")


class Number(Value):
    """A whole number from 0 to 2**63 - 1, in decimal digits."""

    def fromString(self, inString: bytes) -> int:
        if not inString.isdigit() or len(inString) > 19:
            raise ValueError("not a whole number")
        number = int(inString)
        if number >= 1 << 63:
            raise ValueError("too large a number")
        return number

    def toString(self, inObject: int) -> bytes:
        return b"%d" % inObject


class Flag(Value):
    """Yes or no, as ``1`` or ``0``."""

    def fromString(self, inString: bytes) -> bool:
        if inString not in (b"0", b"1"):
            raise ValueError("neither 1 nor 0")
        return inString == b"1"

    def toString(self, inObject: bool) -> bytes:
        return b"1" if inObject else b"0"


class Bytes(Value):
    """Raw bytes, exactly ``size`` of them if given."""

    def __init__(self, size: int | None = None, optional: bool = False) -> None:
        super().__init__(optional)
        self.size = size

    def fromString(self, inString: bytes) -> bytes:
        if self.size is not None and len(inString) != self.size:
            raise ValueError(f"{len(inString)} bytes instead of {self.size}")
        return inString

    def toString(self, inObject: bytes) -> bytes:
        return inObject


class Packed(Value, Generic[T]):
    """A structured value of one type, as a msgpack blob of at most 65,535 bytes."""

    _encoder: ClassVar[msgspec.msgpack.Encoder] = msgspec.msgpack.Encoder()

    def __init__(self, kind: Any, optional: bool = False) -> None:
        super().__init__(optional)
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(kind)

    def fromString(self, inString: bytes) -> T:
        return self._decoder.decode(inString)

    def toString(self, inObject: T) -> bytes:
        return self._encoder.encode(inObject)


def packed_bytes(value: object) -> int:
    """Return the length of ``value`` in a :class:`Packed`, in bytes."""
    return len(Packed._encoder.encode(value))


def fitting(items: Iterable[T], room: int) -> list[T]:
    """Return the first of ``items`` that together fit into ``room`` bytes, :class:`Packed`."""
    fit: list[T] = []
    for item in items:
        room -= packed_bytes(item)
        if room < 0:
            break
        fit.append(item)
    return fit


_TO_ANY_COMMAND = (BadRequest, NotAllowed, InternalFailure, Unreadable, TooSlow, TlsRequired, NotInScope)


def declared(*errors: type[ChatnetError]) -> dict[type[Exception], bytes]:
    """Return the ``errors`` of a command: the given ones, and those that every command may answer."""
    every: list[type[ChatnetError]] = [*errors, *_TO_ANY_COMMAND]
    return {error: error.code for error in every}


class _Key(NamedTuple):
    """A key of a command's boxes: as it stands there, and as our code has it; and its value."""

    raw: bytes
    name: str
    optional: bool
    read: Callable[[bytes], Any]
    write: Callable[[Any], bytes]


class Command(amp.Command):
    """A command of chatnet's. Its name on the wire is the class's name."""

    errors: ClassVar[dict[type[Exception], bytes]] = declared()

    _asked: ClassVar[Sequence[_Key]] = ()
    _answered: ClassVar[Sequence[_Key]] = ()

    def __init_subclass__(cls) -> None:
        cls._asked, cls._answered = _keys(cls.arguments), _keys(cls.response)

    # Twisted's own methods first copy the box, or the objects, and ask each value to read itself: most keys
    # of a post are not there.

    @classmethod
    def parseArguments(cls, box: Mapping[bytes, bytes], protocol: Any) -> dict[str, Any]:
        return _parsed(cls._asked, box)

    @classmethod
    def parseResponse(cls, box: Mapping[bytes, bytes], protocol: Any) -> dict[str, Any]:
        return _parsed(cls._answered, box)

    @classmethod
    def makeResponse(cls, objects: dict[str, Any], proto: Any) -> Box:
        box: Box = {}
        for raw, name, optional, _, write in cls._answered:
            value = objects.get(name)
            if value is not None or not optional:
                box[raw] = write(value)
        return box


def _keys(values: Iterable[tuple[bytes, amp.Argument]]) -> tuple[_Key, ...]:
    return tuple(
        _Key(raw, raw.decode("ascii"), value.optional, value.fromString, value.toString)
        for raw, value in values
    )


def _parsed(keys: Iterable[_Key], box: Mapping[bytes, bytes]) -> dict[str, Any]:
    objects: dict[str, Any] = {}
    for raw, name, optional, read, _ in keys:
        said = box.get(raw)
        if said is not None:
            try:
                objects[name] = read(said)
            except (ValueError, msgspec.MsgspecError, RecursionError) as error:  # the last: nested too deeply
                raise BadRequest.of(why=f"the value of “{name}” is wrong ({error}).") from error
        elif optional:
            objects[name] = None
        else:
            raise BadRequest.of(why=f"the key “{name}” is missing.")
    return objects
