"""The policies: what may be decided about the cluster, or about a room. Pure.

An entry of the kind ``policy`` sets one; its text is the name and the value. The newest one holds. To add a
policy, add its row here: whoever does what it says asks :class:`chatnet.state.State`, the table ``policy`` of
the stores, or the question :class:`chatnet.reads.PoliciesIn`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from chatnet.names import Where
from chatnet.text import legible, meant

FOR_EVER = "for ever"
MOST_DAYS = 36_500
_DAYS = re.compile(r"[1-9]\d{0,4}d", re.ASCII)


class Policy(NamedTuple):
    """One policy: of which ``rooms`` it is, the ``values`` that it may have, of which the first is the
    default, and whether it may also be a number of ``days``: ``30d``."""

    name: str
    rooms: frozenset[Where]
    values: tuple[str, ...]
    has_days: bool = False

    @property
    def default(self) -> str:
        """The value where nobody has set one."""
        return self.values[0]

    @property
    def choices(self) -> str:
        """What it may be, for a sentence."""
        values = [*self.values, *([f"1d to {MOST_DAYS}d"] if self.has_days else [])]
        return f"{', '.join(values[:-1])} or {values[-1]}"

    def takes(self, value: str) -> bool:
        """Return whether it may have this value."""
        if value in self.values:
            return True
        return self.has_days and _DAYS.fullmatch(value) is not None and int(value[:-1]) <= MOST_DAYS


_CLUSTER, _PRIVATE = frozenset({Where.CLUSTER}), frozenset({Where.PRIVATE})
_ANY = frozenset({Where.CLUSTER, Where.TOPIC, Where.PRIVATE})

POLICIES: dict[str, Policy] = {
    policy.name: policy
    for policy in (
        # Between whom there are conversations; staff: one side is a moderator or admin of the cluster.
        Policy("direct", _CLUSTER, ("all", "staff", "off")),
        # Who may invite to a private room.
        Policy("invite", _PRIVATE, ("moderators", "members")),
        # How long posts are kept.
        Policy("keep", _ANY, (FOR_EVER,), has_days=True),
        # Who may register a name.
        Policy("signup", _CLUSTER, ("open", "code", "closed")),
    )
}
MOST_TEXT = 40
"""No name and value together are longer."""
_OF = {Where.CLUSTER: "the whole server", Where.TOPIC: "a topic", Where.PRIVATE: "a private room"}


def days_of(value: str) -> int:
    """Return how many days a value of such a policy is; 0 if it is none."""
    return int(value[:-1]) if _DAYS.fullmatch(value) else 0


def parted(text: str) -> tuple[str, str]:
    """Return the name and the value in the text of an entry."""
    name, _, value = text.partition(" ")
    return name, value


def wrong_policy(text: str, of: Where) -> str:
    """Return what is wrong with a text that is to set a policy of such a room, as a sentence; empty if
    nothing is."""
    name, value = parted(text)
    policy = POLICIES.get(name)
    if policy is None:
        names = ", ".join(POLICIES)
        return f"There is no policy “{legible(name, 16)}”: there are {names}.{meant(name[:16], POLICIES)}"
    if of not in policy.rooms:
        whose = " or ".join(_OF[room] for room in _OF if room in policy.rooms)
        return f"The policy {name} is one of {whose}."
    if not policy.takes(value):
        return f"The policy {name} is {policy.choices}."
    return ""


def in_force(of: Where, found: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return all policies that such a room has, each with its value, of which ``found`` were set."""
    values = dict(found)
    return [
        (name, values.get(name, policy.default)) for name, policy in POLICIES.items() if of in policy.rooms
    ]
