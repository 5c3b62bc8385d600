"""Client -> master: the one question that needs no proof."""

from __future__ import annotations

from chatnet.errors import NoWorkers, WrongVersion
from chatnet.wire.arguments import Command, Number, Text, declared


class Locate(Command):
    """Ask for a worker. ``worker`` is HOST:PORT, and ``log`` names the log that it follows.

    A master that is not the primary says where the primary is, and leaves the log empty. ``worker_key`` and
    ``primary_key`` are the fingerprints of the public keys that are presented there (see
    :func:`chatnet.net.pair.fingerprint`); a key is missing only while it is unknown.
    """

    arguments = [(b"version", Number())]
    response = [
        (b"worker", Text(optional=True)),
        (b"worker_key", Text(optional=True)),
        (b"primary", Text(optional=True)),
        (b"primary_key", Text(optional=True)),
        (b"log", Text()),
        (b"epoch", Number()),
    ]
    errors = declared(NoWorkers, WrongVersion)
