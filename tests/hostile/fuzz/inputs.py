"""What a visit says: boxes and bytes, drawn or mutated. Pure; randomness is an argument."""

from __future__ import annotations

import importlib
import pkgutil
import random
from collections.abc import Iterator, Sequence

from hostile.fuzz import values
from hostile.fuzz.values import Known
from twisted.protocols import amp

from chatnet import wire
from chatnet.wire.arguments import MAX_VALUE, Command
from chatnet.wire.boxes import MAX_BOX, MAX_KEY

GREETINGS = (
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"NICK a\r\nUSER a a a :a\r\n", b"SSH-2.0-OpenSSH_9.6\r\n",
    b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + b"\x11" * 500, b"{}\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    b"\r\n\r\n", b"\0" * 100, b"\xff" * 1000, b"\0\x01a\xff\xff" + b"x" * 100, b"\x01\0" + b"k" * 300,
)  # fmt: skip
"""What other programs say, and bytes that are no box."""


def commands() -> list[type[Command]]:
    """Return all commands of the vocabulary, by name."""
    found: dict[str, type[Command]] = {}
    for module in pkgutil.iter_modules(wire.__path__):
        for thing in vars(importlib.import_module(f"chatnet.wire.{module.name}")).values():
            if isinstance(thing, type) and issubclass(thing, Command) and thing is not Command:
                found[thing.__name__] = thing
    return [found[name] for name in sorted(found)]


VOCABULARY = commands()


class Inputs:
    """The inputs of a visit. ``likely`` are the commands of the conversation, ``never`` those left out,
    ``spoiled`` those that are never sent whole; ``known`` has usual values. ``asked`` has the command's name
    for each ``_ask``."""

    def __init__(
        self,
        chance: random.Random,
        likely: Sequence[str],
        never: Sequence[str],
        spoiled: Sequence[str],
        known: Known,
    ) -> None:
        self._chance = chance
        self._known = known
        self._spoiled = spoiled
        self._all = [command for command in VOCABULARY if command.__name__ not in never]
        self._likely = [command for command in self._all if command.__name__ in likely] or self._all
        self._asks = 0
        self.asked: dict[bytes, str] = {}

    def draw(self) -> bytes:
        """Return the next input."""
        kind = self._chance.choices(
            (self.box, self._many, self._unknown, self._unasked, self._odd, self._mutated, self._raw),
            (60, 4, 5, 4, 5, 16, 6),
        )[0]
        return kind()

    def box(self) -> bytes:
        """Return a command with values of every sort."""
        pool = self._likely if self._chance.random() < 0.8 else self._all
        return serialized(self.command(self._chance.choice(pool)))

    def command(self, command: type[Command]) -> dict[bytes, bytes]:
        """Return the keys and values of a ``command``."""
        box = {amp.COMMAND: command.__name__.encode()}
        if (ask := self._ask(command.__name__)) is not None:
            box[amp.ASK] = ask
        for key, argument in command.arguments:
            said = values.value(key.decode(), argument, self._chance, self._known)
            if said is not None:
                box[key] = said[:MAX_VALUE]
        if command.__name__ in self._spoiled:
            key, _ = command.arguments[0]
            box[key] = self._chance.choice(values.NO_PACKED)[:MAX_VALUE]
        if self._chance.random() < 0.1:
            box[values.text(self._chance)[:MAX_KEY] or b"x"] = values.text(self._chance)
        return box

    def _ask(self, name: str) -> bytes | None:
        kind = self._chance.random()
        self._asks += kind < 0.85
        ask = b"%x" % self._asks
        if kind >= 0.98:
            ask = values.text(self._chance)[:MAX_VALUE]
        elif kind >= 0.9:
            return None
        self.asked[ask] = name
        return ask

    def _many(self) -> bytes:
        """Return the same box many times."""
        return self.box() * self._chance.choice((2, 10, 50))

    def _unknown(self) -> bytes:
        box = {amp.COMMAND: values.text(self._chance)}
        if self._chance.random() < 0.5:
            box[amp.ASK] = b"u"
        return serialized(box)

    def _unasked(self) -> bytes:
        """Return an answer to a question that was never asked, or may have been."""
        ask = self._chance.choice((b"0", b"1", b"2", b"a", values.text(self._chance)))
        if self._chance.random() < 0.5:
            return serialized({amp.ANSWER: ask, b"seq": b"1"})
        box = {
            amp.ERROR: ask,
            amp.ERROR_CODE: b"BAD_REQUEST",
            amp.ERROR_DESCRIPTION: values.text(self._chance),
        }
        if self._chance.random() < 0.3:
            del box[self._chance.choice((amp.ERROR_CODE, amp.ERROR_DESCRIPTION))]
        return serialized(box)

    def _odd(self) -> bytes:
        """Return bytes that are no box, or a box that is too large or has very many keys."""
        kind = self._chance.randrange(5)
        if kind == 0:
            return b"\0\0" * self._chance.choice((1, 2, 100))
        if kind == 1:
            return serialized(
                {b"k%d" % number: b"" for number in range(self._chance.choice((3, 300, 12_000)))}
            )
        if kind == 2:
            return serialized({b"a": b"x" * 65_535, b"b": b"x" * self._chance.choice((100, 65_530, 65_535))})
        if kind == 3:
            keys = b"".join(pair(b"_command", name) for name in (b"Ping", b"Post", b"Ping"))
            return keys + b"\0\0"
        return b"".join(pair(b"x" * 200, bytes(60_000)) for _ in range(MAX_BOX // 60_000 + 1))

    def _mutated(self) -> bytes:
        """Return some boxes with a bit, a byte or a piece changed, removed, doubled or moved."""
        said = bytearray(b"".join(self.box() for _ in range(self._chance.choice((1, 1, 2, 5)))))
        for _ in range(self._chance.choice((1, 1, 2, 8))):
            self._mutate(said)
        return bytes(said)

    def _mutate(self, said: bytearray) -> None:
        at = self._chance.randrange(len(said) + 1)
        end = min(len(said), at + self._chance.choice((1, 2, 10, 100)))
        kind = self._chance.randrange(5)
        if kind == 0 and at < len(said):
            said[at] ^= 1 << self._chance.randrange(8)
        elif kind == 1:
            del said[at:end]
        elif kind == 2:
            said[at:at] = said[at:end]
        elif kind == 3:
            said[at:end] = self._chance.randbytes(end - at)
        else:
            said[:] = said[at:] + said[:at]

    def _raw(self) -> bytes:
        if self._chance.random() < 0.7:
            return self._chance.choice(GREETINGS)
        return self._chance.randbytes(self._chance.choice((1, 2, 10, 1000, 100_000)))


def serialized(box: dict[bytes, bytes]) -> bytes:
    """Return the bytes of ``box``, as AMP sends it."""
    return b"".join(pair(key[:MAX_KEY] or b"x", value[:MAX_VALUE]) for key, value in box.items()) + b"\0\0"


def pair(key: bytes, value: bytes) -> bytes:
    """Return the bytes of a key and its value."""
    return len(key).to_bytes(2, "big") + key + len(value).to_bytes(2, "big") + value


def pieces(said: bytes, chance: random.Random) -> Iterator[bytes]:
    """Yield ``said``, whole or cut anywhere."""
    kind = chance.random()
    if kind < 0.6 or len(said) < 2:
        yield said
    elif kind < 0.9:
        cuts = sorted(chance.randrange(1, len(said)) for _ in range(chance.choice((1, 2, 5))))
        for begin, end in zip([0, *cuts], [*cuts, len(said)], strict=True):
            yield said[begin:end]
    else:
        head = min(len(said), 60)
        yield from (said[at : at + 1] for at in range(head))
        yield said[head:]
