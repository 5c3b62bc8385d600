"""Where to look for the primary next. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from chatnet.addresses import Address


class PrimarySearch:
    """Where the primary may be, gone through in rounds: where it was, then the ``masters`` that were named.

    A place that somebody names comes next, but none comes twice in a round: so replicas that name each other
    hold nobody up.
    """

    def __init__(self, masters: Sequence[Address]) -> None:
        self._masters = masters
        self._last: Address | None = None
        self._left: list[Address] = []
        self._tried: set[Address] = set()

    @property
    def begins(self) -> bool:
        """Does :meth:`next` begin another round?"""
        return not self._left

    def next(self) -> Address:
        """Where to look now."""
        if not self._left:
            self._tried.clear()
            places = [*self._masters] if self._last is None else [self._last, *self._masters]
            self._left = list(dict.fromkeys(places))
        place = self._left.pop(0)
        self._tried.add(place)
        return place

    def told(self, place: Address) -> bool:
        """Somebody says that it is at ``place``. True if that is where to look now."""
        if self.begins:
            self._last = place
        elif place not in self._tried:
            self._left = [place, *(other for other in self._left if other != place)]
        else:
            return False
        return True

    def found(self, place: Address) -> None:
        """It was at ``place``: once it is lost, a search begins there."""
        self._last = place
        self._left.clear()
