"""Values of every type of the vocabulary: usual ones, hostile ones, those of another type. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import inspect
from twisted.protocols import amp

from chatnet.wire.arguments import MAX_VALUE, Bytes, Flag, Number, Packed, Text

Known = Mapping[str, Sequence[bytes]]
"""Usual values, by the name of the argument or field."""

USUAL, HOSTILE, FOREIGN = 0.6, 0.25, 0.1
"""How often a value is of that sort; else it is missing."""

WORDS = (
    "", " ", "\t", "a", "A", "-", "_", "admin", "all", "x" * 32, "x" * 33, "#", "##", "#a", "#A",
    "#" + "x" * 64, "#" + "x" * 65, "\0", "a\0b", "#a\0b", "\x1b[2J\x1b]0;owned\x07", "\r\n", "a\nb",
    "\n" * 50, "\x7f", "\x85", "\u2028", "\u202e", "\u200b", "\u200b" * 20, "#\u3164", "\u3164",
    "\ufeff", "\u00ad", "\U000e0041", "#\u200d", "#\u200e", "#cafe\u0301", "#café", "#ＣＡＦＥ", "#рython",
    "#python", "#İstanbul", "#i̇stanbul", "#straße", "#STRASSE", "#ΟΔΟΣ", "#οδος", "#ﬃ", "#ǆ",
    "#हिन्दी", "#สวัสดี", "#தமிழ்", "#ශ්‍රීලංකා", "#می‌خواهم", "#٣", "#①", "#𝟙", "🏳️‍🌈", "👨‍👩‍👧‍👦",
    "\ud7a3", "\uffff", "\U0010ffff", "각", "ｱ", "..", "../../etc/passwd", "%s%n", "{0.__class__}",
    "{link}", "'; DROP TABLE entry; --", '"', "\\", "$1", "%", "_%", "a,b", "127.0.0.1:1", "[::1]:1",
    "a" + "\u0301" * 31, "@user0 hello", "@user1 @user2 @user3", "see #tea and #coffee", "a=b", "&ops",
)  # fmt: skip
"""None is an honest user's name: what is said in their name would look like theirs."""
_LETTERS = (
    "a",
    "İ",
    "ß",
    "\u0301",
    "\u0323",
    "\u200b",
    "\u3164",
    "\U0001f600",
    "#a ",
    "@a ",
    "@user0 ",
    "\0",
    " ",
    "가",
)
BROKEN = (
    b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"a\xffb",
    b"#\xed\xb0\x80", b"\x80" * 300,
)  # fmt: skip
"""Not UTF-8: overlong, surrogates, beyond Unicode, cut."""
EDGES = (
    0, 1, 2, 20, 127, 128, 255, 256, 65_535, 65_536, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32,
    (1 << 53) + 1, (1 << 63) - 1,
)  # fmt: skip
NO_NUMBERS = (
    b"", b"-1", b"+1", b" 1", b"1 ", b"007", b"1e3", b"1.0", b"0x10", b"1_000", b"\xd9\xa1", b"\xc2\xb2",
    b"9223372036854775808", b"18446744073709551616", b"9" * 19, b"9" * 20, b"9" * 5000, b"0" * 19, b"0" * 20,
    b"\0", b"1\0", b"NaN", b"\n1", b"1\n",
)  # fmt: skip
SIZES = (0, 1, 2, 8, 15, 16, 17, 31, 32, 33, 64, 255, 256, 1023, 1024, 1025, 2000, 8000, 65_535)
NO_PACKED = (
    b"", b"\xc0", b"\xc1", b"\x91" * 60_000, b"\x81\xa0" * 30_000, b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\x01", b"\xcb\x7f\xf8" + b"\0" * 6, b"\xcf" + b"\xff" * 8,
    b"\xd3\x80" + b"\0" * 7, b"\xd9\xff", b"\x90\x90", b"\xa1\xff", b"\x80",
    b"\xdc\xff\xff" + b"\xc0" * 65_000,
)  # fmt: skip


def value(name: str, argument: amp.Argument, chance: random.Random, known: Known) -> bytes | None:
    """Return a value for the argument; None to leave it out."""
    kind = chance.random()
    if kind < USUAL:
        return usual(name, argument, chance, known)
    if kind < USUAL + HOSTILE:
        return _hostile(argument, chance)
    if kind < USUAL + HOSTILE + FOREIGN:
        return chance.choice((text, number, blob, packed))(chance)
    return None


def usual(name: str, argument: amp.Argument, chance: random.Random, known: Known) -> bytes | None:
    """Return a value that can be read, and may be right."""
    if argument.optional and chance.random() < 0.5:
        return None
    if known.get(name) and chance.random() < 0.9:
        return chance.choice(known[name])
    match argument:
        case Number():
            return b"%d" % chance.choice(EDGES)
        case Flag():
            return chance.choice((b"0", b"1"))
        case Bytes():
            return chance.randbytes(argument.size if argument.size is not None else chance.choice(SIZES[:12]))
        case Packed():
            kind: Any = argument._decoder.type
            return msgspec.msgpack.encode(instance(inspect.type_info(kind), chance, known))
    return chance.choice(WORDS).encode("utf-8", "surrogatepass")


def _hostile(argument: amp.Argument, chance: random.Random) -> bytes:
    hostile: dict[type, Callable[[random.Random], bytes]] = {
        Number: number,
        Flag: number,
        Bytes: blob,
        Packed: packed,
        Text: text,
    }
    return hostile.get(type(argument), text)(chance)


def text(chance: random.Random) -> bytes:
    """Return a word, a long text, one letter many times, or what is not UTF-8."""
    kind = chance.random()
    if kind < 0.5:
        return chance.choice(WORDS).encode("utf-8", "surrogatepass")
    if kind < 0.8:
        letter = chance.choice(_LETTERS).encode()
        size = chance.choice((30, 31, 64, 1000, 1999, 2000, 2001, 4000, MAX_VALUE))
        return (letter * size)[: MAX_VALUE - MAX_VALUE % len(letter)]
    if kind < 0.9:
        return "".join(chance.choice(WORDS) for _ in range(chance.randrange(20))).encode(
            "utf-8", "surrogatepass"
        )[:MAX_VALUE]
    return chance.choice(BROKEN)


def number(chance: random.Random) -> bytes:
    """Return a number at an edge, or what is no number."""
    return b"%d" % chance.choice(EDGES) if chance.random() < 0.4 else chance.choice(NO_NUMBERS)


def blob(chance: random.Random) -> bytes:
    """Return bytes of an odd size."""
    size = chance.choice(SIZES)
    return chance.choice((bytes(size), b"\xff" * size, chance.randbytes(size)))


def packed(chance: random.Random) -> bytes:
    """Return what is no msgpack, or msgpack of another shape."""
    if chance.random() < 0.5:
        return chance.choice(NO_PACKED)[:MAX_VALUE]
    return msgspec.msgpack.encode(anything(chance, 4))[:MAX_VALUE]


def anything(chance: random.Random, depth: int) -> Any:
    """Return a value of any type that msgpack has."""
    kind = chance.randrange(9 if depth else 6)
    if kind < 6:
        word = chance.choice(WORDS)
        plain: tuple[Any, ...] = (
            None,
            True,
            chance.choice(EDGES),
            -chance.choice(EDGES) - 1,
            word,
            word.encode(),
        )
        return plain[kind]
    some = [anything(chance, depth - 1) for _ in range(chance.randrange(5))]
    return some if kind < 8 else {str(place): thing for place, thing in enumerate(some)}


def instance(kind: inspect.Type, chance: random.Random, known: Known, name: str = "") -> Any:
    """Return a value of the type ``kind`` that msgpack can hold; some of its leaves are hostile."""
    match kind:
        case inspect.StructType():
            fields = {field.name: instance(field.type, chance, known, field.name) for field in kind.fields}
            tag = [] if kind.tag is None else [kind.tag]
            return [*tag, *fields.values()] if kind.array_like else fields
        case inspect.ListType():
            return [instance(kind.item_type, chance, known) for _ in range(chance.choice((0, 1, 1, 2, 5)))]
        case inspect.TupleType():
            return [instance(item, chance, known) for item in kind.item_types]
        case inspect.UnionType():
            return instance(chance.choice(kind.types), chance, known, name)
        case inspect.LiteralType():
            return chance.choice(kind.values)
    return _leaf(kind, chance, known, name)


def _leaf(kind: inspect.Type, chance: random.Random, known: Known, name: str) -> Any:
    match kind:
        case inspect.IntType():
            return chance.choice(EDGES)
        case inspect.FloatType():
            return chance.choice((0.0, -1.0, 1e308, float("inf"), float("nan")))
        case inspect.BoolType():
            return chance.random() < 0.5
        case inspect.BytesType():
            return (
                chance.choice(known["key"]) if name == "key" else chance.randbytes(chance.choice(SIZES[:8]))
            )
        case inspect.NoneType():
            return None
    if known.get(name) and chance.random() < 0.7:
        return chance.choice(known[name]).decode("utf-8", "replace")
    return chance.choice(WORDS)
