"""The states of a replica, and the steps between them. Pure.

::

              who holds the lease is known              connected                   attached
    Seeking ──────────────────────────────▶ Dialing ──────────────▶ Proving ──────────────▶ Standing
       ▲                                       │                       │                       │
       └──────────── cannot be reached ────────┴────── the link is lost, or it is refused ─────┘

A replica tries to take the lease whenever it is seeking; and without a shared store, also while it proves
itself: a stranger on the primary's port must not keep it from the lease.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from chatnet.addresses import Address

L = TypeVar("L")


@dataclass(frozen=True)
class Seeking:
    """It has no connection, and looks up who holds the lease: now, or after a delay."""

    def dial(self, to: Address) -> Dialing:
        """Connect to ``to``, where somebody holds the lease, or knows who does."""
        return Dialing(to)


@dataclass(frozen=True)
class Dialing:
    """A connection to ``to`` is being made."""

    to: Address

    def connected(self, link: L) -> Proving[L]:
        """The connection is made: now both ends prove that they have the token."""
        return Proving(self.to, link)


@dataclass(frozen=True)
class Proving(Generic[L]):
    """Connected, and not accepted as a replica yet."""

    to: Address
    link: L

    def attached(self, epoch: int) -> Standing[L]:
        """The primary of ``epoch`` has accepted it as a replica."""
        return Standing(self.to, self.link, epoch)


@dataclass(frozen=True)
class Standing(Generic[L]):
    """Standing by for the primary of ``epoch``."""

    to: Address
    link: L
    epoch: int


Doing = Seeking | Dialing | Proving[L] | Standing[L]
