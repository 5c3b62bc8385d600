"""What anybody between hosts can read: how each connection begins, and words that cross without encryption.

:class:`Tap` listens on the switch of a network (see machines); :class:`Overheard` judges what it hears. The
program itself is ``python -m rigs.tap WORD …``, in the switch's namespace: once its input ends, it prints
what it heard.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from rigs.machines import NAMESPACES, Network
from rigs.processes import DEADLINE, Lines, close_streams

AMP = "_command"
"""A word in each command of AMP."""
_TLS = (b"\x16\x03", b"\x15\x03")
"""The beginnings of TLS: a handshake, or an alert that refuses it."""
_SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""What PostgreSQL's clients send before they begin TLS; ``S`` is the answer."""
_BEGINNING = len(_SSL_REQUEST) + 2
_ALL_PROTOCOLS, _SOL_PACKET, _IGNORE_OUTGOING = 3, 263, 23
_BUFFER_BYTES = 64 << 20
_SYN, _TCP = 2, 6

End = tuple[str, int]
"""An address and a port."""
Way = tuple[End, End]
"""The direction from one end of a connection to the other."""


@dataclass(frozen=True)
class Overheard:
    """The first bytes of each new connection, in each direction; and the words that could be read."""

    beginnings: list[tuple[Way, bytes]]
    words: list[tuple[str, Way]]

    def in_plain(self) -> list[str]:
        """Return what was not encrypted, in sentences."""
        begun = [f"{_shown(way)} begins with {said!r}" for way, said in self.beginnings if not _is_tls(said)]
        return begun + [f"{_shown(way)} says “{word}”" for word, way in self.words]

    def ports(self) -> set[int]:
        """Return the ports from which anything was sent."""
        return {here[1] for (here, _), said in self.beginnings if said}


class Tap:
    """Listens to everything that crosses between the hosts of ``network`` from now on, and for ``words``."""

    def __init__(self, network: Network, *words: str) -> None:
        self._process = subprocess.Popen(
            [
                *("nsenter", f"--net={NAMESPACES / network.switch}"),
                *(sys.executable, "-m", "rigs.tap", AMP, *words),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._lines = Lines(self._process)
        self._lines.find("listens")

    def close(self) -> None:
        """End it, if it was not ended."""
        self._process.kill()
        close_streams(self._process)
        self._process.wait(DEADLINE)

    def end(self) -> Overheard:
        """Stop listening; return what was heard."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        heard = json.loads(self._lines.next())
        self._process.wait(DEADLINE)
        self.close()
        assert not heard["lost"], f"{heard['lost']} packets came faster than they were read"
        beginnings = [(_way(way), bytes.fromhex(said)) for way, said in heard["beginnings"]]
        return Overheard(beginnings, [(word, _way(way)) for word, way in heard["words"]])


def _way(way: Any) -> Way:
    (here, its_port), (there, port) = way
    return (here, its_port), (there, port)


def _shown(way: Way) -> str:
    (here, its_port), (there, port) = way
    return f"{here}:{its_port} to {there}:{port}"


def _is_tls(said: bytes) -> bool:
    """Return whether a connection with this beginning is encrypted. So is one on which nothing was sent."""
    if said.startswith(_SSL_REQUEST):
        said = said.removeprefix(_SSL_REQUEST)
    elif said.startswith(b"S"):
        said = said.removeprefix(b"S")
    return not said or said.startswith(_TLS)


@dataclass
class _Beginning:
    """The beginning of one direction of a connection; ``first`` is the number of its first byte."""

    way: Way
    first: int
    said: bytearray = field(default_factory=bytearray)

    def is_next(self, seq: int) -> bool:
        """Return whether this is the next byte. If not, it is sent again, or has overtaken another."""
        return seq - self.first & 0xFFFFFFFF == len(self.said)


@dataclass
class _Ear:
    """Takes packets in, and gives what was heard."""

    words: list[bytes]
    read: dict[tuple[str, Way], None] = field(default_factory=dict)
    beginnings: list[_Beginning] = field(default_factory=list)
    _of: dict[Way, _Beginning] = field(default_factory=dict)

    def hear(self, packet: bytes) -> None:
        for way, seq, opens, said in _segments(packet):
            if opens:
                self._open(way, seq + 1)
            elif said:
                self._listen(way, seq, said)

    def _open(self, way: Way, first: int) -> None:
        """Note a new direction; data may have been sent in it before, and not been heard."""
        if way not in self._of or self._of[way].first != first:
            self._of[way] = _Beginning(way, first)
            self.beginnings.append(self._of[way])

    def _listen(self, way: Way, seq: int, said: bytes) -> None:
        begun = self._of.get(way)
        if begun is not None and len(begun.said) < _BEGINNING and begun.is_next(seq):
            begun.said += said[:_BEGINNING]
        for word in self.words:
            if word in said:
                self.read[word.decode(), way] = None


def _segments(packet: bytes) -> Iterator[tuple[Way, int, bool, bytes]]:
    """Yield of a TCP packet: its direction, the number of its first byte, whether it opens it, its data."""
    if packet[0] >> 4 == 4 and packet[9] == _TCP:
        at, end = (packet[0] & 15) * 4, int.from_bytes(packet[2:4], "big")
        ends = packet[12:16], packet[16:20]
    elif packet[0] >> 4 == 6 and packet[6] == _TCP:
        at, end = 40, 40 + int.from_bytes(packet[4:6], "big")
        ends = packet[8:24], packet[24:40]
    else:
        return
    here, there = (str(ip_address(one)) for one in ends)
    its_port, port, seq, _, offset, flags = struct.unpack_from("!HHIIBB", packet, at)
    said = packet[at + (offset >> 4) * 4 : end]
    yield ((here, its_port), (there, port)), seq, bool(flags & _SYN), said


def _main(words: list[str]) -> None:
    ear = _Ear([word.encode() for word in words])
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS)) as card:
        # Otherwise each packet would come twice: into the switch, and out of it.
        card.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
        card.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_RCVBUFFORCE", 33), _BUFFER_BYTES)
        print("listens", flush=True)
        while card in (ready := select.select([card, sys.stdin], [], [])[0]) or sys.stdin not in ready:
            ear.hear(card.recv(1 << 17))
        _, lost = struct.unpack("II", card.getsockopt(_SOL_PACKET, 6, 8))
    beginnings = [(begun.way, begun.said.hex()) for begun in ear.beginnings]
    print(json.dumps({"beginnings": beginnings, "words": list(ear.read), "lost": lost}), flush=True)


if __name__ == "__main__":
    _main(sys.argv[1:])
