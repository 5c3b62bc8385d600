"""Where to look for the primary next. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from chatnet.addresses import Address


class PrimarySearch:
    """Goes in rounds through the places where the primary may be: the last one, then the named ``masters``.

    A place that somebody names comes next, but no place twice in a round: so replicas that name each other
    cannot delay the search.
    """

    def __init__(self, masters: Sequence[Address]) -> None:
        self._masters = masters
        self._last: Address | None = None
        self._left: list[Address] = []
        self._tried: set[Address] = set()

    @property
    def begins(self) -> bool:
        """Whether :meth:`next` begins another round."""
        return not self._left

    def next(self) -> Address:
        """Return where to look now."""
        if not self._left:
            self._tried.clear()
            places = [*self._masters] if self._last is None else [self._last, *self._masters]
            self._left = list(dict.fromkeys(places))
        place = self._left.pop(0)
        self._tried.add(place)
        return place

    def told(self, place: Address) -> bool:
        """Somebody says that the primary is at ``place``. Return whether that is the next place to look."""
        if self.begins:
            self._last = place
        elif place not in self._tried:
            self._left = [place, *(other for other in self._left if other != place)]
        else:
            return False
        return True

    def found(self, place: Address) -> None:
        """The primary was at ``place``: after its loss, a search begins there."""
        self._last = place
        self._left.clear()
