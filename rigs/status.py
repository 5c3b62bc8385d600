"""The status of a cluster, asked as an operator asks, but without starting a program.

``chatnet status`` takes half a second of a processor, most of it to start. Whoever looks until something has
come true, looks often, while the cluster itself starts.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import msgspec

from chatnet.addresses import Address
from chatnet.auth import Token
from chatnet.net.gate import binding
from chatnet.wire.boxes import Boxes, Malformed, serialize
from chatnet.wire.common import NONCE_BYTES, VERSION
from chatnet.wire.operate import ClusterStatus

PATIENCE = 5.0
"""Seconds that a master has to answer, as the operator's commands have it."""


class Refused(Exception):
    """The other end answered with an error, closed the connection, or says that it is a replica."""


def ask_status(master: Address, token: Token, patience: float = PATIENCE) -> ClusterStatus | None:
    """Return the status that the primary at this address of loopback gives; None if there is none."""
    try:
        with closing(socket.create_connection((master.host, master.port), patience)) as connection:
            return _Asking(connection).status(token)
    except (OSError, Refused, Malformed):
        return None


class _Asking:
    """One question after the other on a connection to a master."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._boxes = Boxes()

    def status(self, token: Token) -> ClusterStatus:
        ours = os.urandom(NONCE_BYTES)
        theirs = self._ask(b"Challenge", version=b"%d" % VERSION, nonce=ours)[b"nonce"]
        ends = self._connection.getsockname(), self._connection.getpeername()
        bound = binding(*(Address(*end[:2]) for end in ends))
        proof = token.proof("asks", "operator", ours, theirs, bound)
        if b"primary" in self._ask(b"Prove", role=b"operator", proof=proof):
            raise Refused("it is a replica")
        status: ClusterStatus = msgspec.msgpack.decode(self._ask(b"Status")[b"status"], type=ClusterStatus)
        return status

    def _ask(self, command: bytes, **values: Any) -> Mapping[bytes, bytes]:
        named = {key.encode(): value for key, value in values.items()}
        self._connection.sendall(serialize({b"_command": command, b"_ask": b"1", **named}))
        while piece := self._connection.recv(65_536):
            for box in self._boxes.feed(piece):
                if b"_error" in box:
                    raise Refused(box.get(b"_error_description", b"").decode())
                if b"_answer" in box:
                    return box
        raise Refused("the connection was closed")
