"""Which worker a client is sent to, and at which address it finds that worker. Pure."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping

from chatnet.addresses import Address, is_loopback, plain
from chatnet.wire.cluster import OtherWorker, WorkerIdentity

RECENT = 2.0
"""Seconds for which a client sent to a worker is counted in addition to the reported sessions."""


class Placement:
    """Sends each client to the worker with the fewest sessions, counting those just sent there."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._sent: deque[tuple[float, str]] = deque()
        self._counts: dict[str, int] = {}

    def choose(self, sessions: Mapping[str, int], now: float) -> str:
        """Return the id of the worker to send a client to at ``now`` (seconds); ties are broken at random.

        ``sessions`` has the number of sessions by worker id; there is at least one worker.
        """
        self._forget(now - RECENT)
        loads = {id: count + self._counts.get(id, 0) for id, count in sessions.items()}
        fewest = min(loads.values())
        chosen = self._chance.choice([id for id, load in loads.items() if load == fewest])
        self._sent.append((now, chosen))
        self._counts[chosen] = self._counts.get(chosen, 0) + 1
        return chosen

    def _forget(self, until: float) -> None:
        while self._sent and self._sent[0][0] <= until:
            _, id = self._sent.popleft()
            self._counts[id] -= 1
            if not self._counts[id]:
                del self._counts[id]


def address_for_clients(identity: WorkerIdentity, peer: str, here: str, reached: str) -> Address:
    """Return where a client finds a worker.

    The operator's choice comes first. A worker on the primary's host, ``here``, is found at the host where
    the client ``reached`` the primary; a worker elsewhere at the host its link comes from, ``peer``. The port
    is always the worker's. An IPv4 address is written as IPv4, even if a dual-stack socket shows it as IPv6.
    """
    address = Address.parse(identity.address)
    if identity.advertise:
        return address
    if _is_here(identity, peer, here):
        return Address(plain(reached), address.port)
    return Address(plain(peer), address.port)


def address_beside(
    beside: WorkerIdentity,
    beside_peer: str,
    other: WorkerIdentity,
    other_peer: str,
    here: str,
    reached: str,
    key: str,
) -> OtherWorker:
    """Return where the clients of the worker ``beside``, whose link comes from ``beside_peer``, find
    ``other``.

    As in :func:`address_for_clients`; but if both are on one host, the other is where the clients found the
    first. A worker on the primary's host, ``here``, is found by clients of a worker elsewhere at the host
    where that worker ``reached`` the primary. ``key`` is what the other presents.
    """
    if not other.advertise and (
        other.host == beside.host
        or (_is_here(other, other_peer, here) and _is_here(beside, beside_peer, here))
    ):
        return OtherWorker("", Address.parse(other.address).port, key)
    return OtherWorker(*address_for_clients(other, other_peer, here, reached), key)


def _is_here(worker: WorkerIdentity, peer: str, here: str) -> bool:
    return worker.host == here or is_loopback(peer)
