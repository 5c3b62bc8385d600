"""What a replica is about: one value at a time, and what leads from one to the next. Pure.

::

              who holds the lease is known              connected                   attached
    Seeking ──────────────────────────────▶ Dialing ──────────────▶ Proving ──────────────▶ Standing
       ▲                                       │                       │                       │
       └──────────── cannot be reached ────────┴────── the link is lost, or it is refused ─────┘

A replica goes for the lease whenever it is seeking; and without a shared store, also while it proves itself:
a stranger that has the primary's port must not keep it from the lease.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from chatnet.addresses import Address

L = TypeVar("L")


@dataclass(frozen=True)
class Seeking:
    """It has no connection, and looks who holds the lease: now, or after a delay."""

    def dial(self, to: Address) -> Dialing:
        """Somebody there holds the lease, or says who does."""
        return Dialing(to)


@dataclass(frozen=True)
class Dialing:
    """A connection to ``to`` is being made."""

    to: Address

    def connected(self, link: L) -> Proving[L]:
        """The connection is made: both ends now prove that they have the token."""
        return Proving(self.to, link)


@dataclass(frozen=True)
class Proving(Generic[L]):
    """Connected, and not taken as a replica yet."""

    to: Address
    link: L

    def attached(self, epoch: int) -> Standing[L]:
        """The primary of ``epoch`` has taken it as a replica."""
        return Standing(self.to, self.link, epoch)


@dataclass(frozen=True)
class Standing(Generic[L]):
    """Standing by for the primary of ``epoch``."""

    to: Address
    link: L
    epoch: int


Doing = Seeking | Dialing | Proving[L] | Standing[L]
