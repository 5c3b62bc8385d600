"""Orders of the operator's, about users and policies, appended in the cluster's own name; and what operators
are shown of users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chatnet.entries import Draft, More
from chatnet.errors import REFUSALS, BadRequest, Forgotten, Refusal
from chatnet.form import check_form
from chatnet.kinds import CLUSTER, KINDS, KindName
from chatnet.log import Refused
from chatnet.master.store import Log
from chatnet.names import Where, check_new, fold_prefix, fold_room, fold_user, where
from chatnet.policies import in_force
from chatnet.reads import AccountOf, AllUsers, PoliciesIn, PolicyValue, UserPage


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
        if known is None or not known.may_be_the_clusters or known.has_ref:
            raise BadRequest.of(why="that is no order that an operator gives.")
        more = None
        if known.has_to or to or until:
            more = More(to=fold_user(to) if known.has_to or to else "", until=until)
        whose = CLUSTER if known.rooms == {Where.OWN} else room and fold_room(room)
        draft = Draft(kind, CLUSTER, whose, text, self.fresh_key(), 0, more)
        if kind == "code" and draft.to:
            await self._check_code_for(draft.to)
        try:
            check_form(draft)
        except ValueError as odd:
            raise BadRequest.of(why=f"{odd}.") from odd
        [outcome] = await self.log.append([draft])
        if isinstance(outcome, Refused):
            raise REFUSALS.get(outcome.code, Refusal)(outcome.sentence)
        return outcome

    async def _check_code_for(self, name: str) -> None:
        """Check that a code for this name can be of use: the log takes others, too, as it always has.

        :raises BadName: nobody is called so, and nobody new may be. :raises Forgotten: it is nobody's again.
        """
        account = await self.log.read(AccountOf(name))
        if account is None:
            check_new(name)
        elif account.is_forgotten:
            raise Forgotten.of(name=name)

    async def users(self, prefix: str, after: str) -> UserPage:
        """Return the first page of users whose names begin with ``prefix`` and sort after ``after``."""
        return await self.log.read(AllUsers(fold_prefix(prefix), after))

    async def policies(self, room: str) -> list[PolicyValue]:
        """Return the policies of a topic, or for an empty ``room`` of the cluster, each with its value.

        :raises NoSuchRoom: there is no such topic.
        """
        asked = room and fold_room(room)
        found = await self.log.read(PoliciesIn(asked, CLUSTER))
        return in_force(where(asked, CLUSTER), found)
