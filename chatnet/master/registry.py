"""The registered workers, and what they report. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from chatnet.text import legible
from chatnet.wire.cluster import Load, WorkerIdentity

L = TypeVar("L")


@dataclass(eq=False, slots=True)
class Registration(Generic[L]):
    """One registration of a worker; it ends with its ``link``.

    ``posts`` and ``deliveries`` are per second, over the time between its last two reports. A ``leaving``
    worker was told to stop; a ``draining`` one will be, once its sessions have moved.
    """

    identity: WorkerIdentity
    link: L
    load: Load = field(default_factory=Load)
    reported: float | None = None
    posts: float = 0.0
    deliveries: float = 0.0
    leaving: bool = False
    draining: bool = False

    @property
    def name(self) -> str:
        """The worker's name in a sentence."""
        return name_of(self.identity)

    @property
    def is_front(self) -> bool:
        """Whether it serves IRC alone."""
        return self.identity.is_front

    @property
    def key(self) -> str:
        """The fingerprint of the public key that it presents now."""
        return self.load.key or self.identity.key

    @property
    def is_opening(self) -> bool:
        """Whether it has not said yet that it serves, or its store is away."""
        return self.reported is None or self.load.opening

    @property
    def takes_clients(self) -> bool:
        """Whether clients can be sent to it: not while it is opening, and never to a front."""
        return not (self.is_opening or self.is_front or self.leaving or self.draining or self.load.full)

    @property
    def staying(self) -> int:
        """How many of its sessions were not told to move."""
        return max(0, self.load.sessions - self.load.moving)

    @property
    def shared(self) -> int:
        """How many of these came by the port that the workers of its host share."""
        return min(self.staying, max(0, self.load.shared - self.load.shared_moving))

    @property
    def placed(self) -> int:
        """How many of these a master sent there, or another worker."""
        return self.staying - self.shared

    @property
    def group(self) -> tuple[str, str]:
        """What those workers have in common that share a port: their host, and where that port is."""
        return self.identity.host, self.load.web

    def report(self, load: Load, now: float) -> None:
        """Record ``load`` at ``now``, in seconds of a clock that does not step."""
        if self.reported is not None and now > self.reported:
            passed = now - self.reported
            self.posts = max(0, load.posts - self.load.posts) / passed
            self.deliveries = max(0, load.deliveries - self.load.deliveries) / passed
        self.load, self.reported = load, now


def name_of(worker: WorkerIdentity) -> str:
    """Return the worker's name in a sentence."""
    what = "IRC front" if worker.is_front else "worker"
    return f"{what} {legible(worker.id, 40)} on {legible(worker.host, 64)} (pid {worker.pid})"


class Registry(Generic[L]):
    """The workers by id, in the order of their registration."""

    def __init__(self) -> None:
        self._workers: dict[str, Registration[L]] = {}

    def __len__(self) -> int:
        return len(self._workers)

    def register(self, identity: WorkerIdentity, link: L) -> tuple[Registration[L], Registration[L] | None]:
        """Return the new registration of a worker, and the one that it replaces, whose link is given up."""
        before = self._workers.pop(identity.id, None)
        worker = self._workers[identity.id] = Registration(identity, link)
        return worker, before

    def unregister(self, worker: Registration[L]) -> bool:
        """Forget ``worker``. Return False if it is not registered, or registered by another link."""
        if self._workers.get(worker.identity.id) is not worker:
            return False
        del self._workers[worker.identity.id]
        return True

    def workers(self) -> list[Registration[L]]:
        """Return all workers, fronts among them."""
        return list(self._workers.values())

    def staying(self) -> list[Registration[L]]:
        """Return the workers that were not told to stop, fronts among them."""
        return [worker for worker in self._workers.values() if not worker.leaving]

    def open(self) -> dict[str, Registration[L]]:
        """Return the workers to which clients can be sent, by id."""
        return {id: worker for id, worker in self._workers.items() if worker.takes_clients}
