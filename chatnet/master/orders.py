"""Orders of the operator's: roles, bans and mutes, which the primary appends in the cluster's own name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chatnet.entries import Draft, More
from chatnet.errors import REFUSALS, BadRequest, Refusal
from chatnet.form import check_form
from chatnet.kinds import CLUSTER, KINDS, KindName
from chatnet.log import Refused
from chatnet.master.store import Log
from chatnet.names import fold_name, fold_room


@dataclass(frozen=True)
class Orders:
    """Appends to the ``log`` of a primary, under keys of its own."""

    log: Log
    fresh_key: Callable[[], bytes]

    async def give(self, kind: KindName, room: str, to: str, text: str, until: int) -> int:
        """Give an order about the user ``to`` in ``room``, or in the cluster for an empty one; return its
        seq, once it is on disk.

        :raises Refusal: the log does not take it. :raises BadRequest: that is no kind of order.
        """
        known = KINDS.get(kind)
        if known is None or not (known.may_be_the_clusters and known.has_to):
            raise BadRequest.of(why="that is no order that an operator gives.")
        more = More(to=fold_name(to), until=until)
        draft = Draft(kind, CLUSTER, room and fold_room(room), text, self.fresh_key(), 0, more)
        try:
            check_form(draft)
        except ValueError as odd:
            raise BadRequest.of(why=f"{odd}.") from odd
        [outcome] = await self.log.append([draft])
        if isinstance(outcome, Refused):
            raise REFUSALS.get(outcome.code, Refusal)(outcome.sentence)
        return outcome
