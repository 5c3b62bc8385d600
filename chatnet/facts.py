"""What the cases of :mod:`chatnet.rules` ask about a draft, over what follows from the log in memory. Pure.

It is written a second time in SQL (:mod:`chatnet.store.facts`); a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable

from chatnet.codes import KEPT_LENGTH, recoveries_of
from chatnet.cursor import is_of
from chatnet.entries import Draft, Entry, heard_at
from chatnet.kinds import CLUSTER, SAID
from chatnet.names import is_guest, is_private, is_public, is_topic, looks, named
from chatnet.rules import (
    DAY_MS,
    HOUR_MS,
    MOST_A_DAY,
    MOST_CODE_ROOMS,
    MOST_GUEST_ROOMS,
    MOST_GUESTS,
    MOST_ROOMS,
    MOST_SESSIONS,
    MOST_TALKS,
    WORDS_LEVEL,
    Author,
)
from chatnet.state import ADMIN, MODERATOR, OWNER, Code, State, is_random, more_of


class StateFacts:
    """The facts about a draft, as of the entries that ``state`` has taken: :class:`chatnet.rules.Facts`."""

    def __init__(self, state: State) -> None:
        self.state = state

    @property
    def level(self) -> int:
        return self.state.level

    @property
    def own_level(self) -> int:
        return self.state.own_level

    def is_forgotten(self, user: str) -> bool:
        return user in self.state.forgotten

    def author(self, user: str) -> Author | None:
        account = self.state.accounts.get(user)
        if account is None:
            return None
        sessions = {one.seq: one.scope for one in self.state.sessions.get(user, {}).values()}
        return Author(account.secret_seq, bool(account.credential), self.state.is_ordered(user), sessions)

    def _begins_often(self, user: str, now: int) -> bool:
        hour, count = self.state.tallies.get((user, "talk"), (0, 0))
        return hour == now // HOUR_MS and count >= MOST_TALKS

    def is_disabled(self, user: str) -> bool:
        return bool(self.state.standing("", user).disabled)

    def is_barred(self, user: str, now: int) -> bool:
        return self.state.standing("", user).banned > now

    def came(self, user: str) -> int:
        account = self.state.accounts.get(user)
        return 0 if account is None else account.registered

    def has_topic(self, topic: str) -> bool:
        return topic in self.state.rooms

    def topics_made(self, user: str, day: int) -> int:
        account = self.state.accounts.get(user)
        return account.topics if account is not None and account.day == day else 0

    def holds(self, fact: str, draft: Draft, now: int) -> bool:
        return HOLDS[fact](self, draft, now)

    def _is_direct_off(self, draft: Draft) -> bool:
        direct = self.state.policy("", "direct")
        is_staffs = any(self.state.standing("", user).role >= MODERATOR for user in (draft.user, draft.to))
        return direct == "off" or (direct == "staff" and not is_staffs)

    def _rank(self, user: str, room: str) -> int:
        """Return the rank of a user in a room; in one that is not private, also by a role in the cluster."""
        clusters = 0 if is_private(room) else self.state.standing("", user).role
        return max(self.state.standing(room, user).role, clusters)

    def _has_role(self, draft: Draft, rank: int, clusters: int) -> bool:
        user, room = draft.user, draft.room
        if user == CLUSTER or self.state.standing(room, user).role >= rank:
            return True
        return not is_private(room) and self.state.standing("", user).role >= clusters

    def _alone_owns(self, user: str, room: str) -> bool:
        owners = {
            its
            for (where, its), standing in self.state.standings.items()
            if (where, standing.role) == (room, OWNER)
        }
        return owners == {user}

    def _is_ordered_there(self, draft: Draft, what: str, now: int) -> bool:
        topics = [place for place in named(draft.text) if is_topic(place)]
        return any(getattr(self.state.standing(topic, draft.user), what) > now for topic in topics)

    def _target(self, draft: Draft) -> Entry | None:
        """Return the post that the draft refers to, if it is there, and was not taken back."""
        if draft.ref is None:
            return None
        target = self.state.look(draft.ref.seq)
        if target is None or not target.text or target.kind != "post":
            return None
        return target if is_of(draft.ref.check, self.state.log_id, target) else None

    def _is_readable(self, draft: Draft) -> bool:
        target, user = self._target(draft), draft.user
        if target is None:
            return False
        room = target.room
        if is_public(room) or (user, room) in self.state.talks:
            return True
        if room not in self.state.privates or not self.state.is_member(user, room):
            return False
        since = self.state.memberships[user].since(room)
        return since <= target.seq or self.state.privates[room].history == "all"

    def _is_public(self, draft: Draft) -> bool:
        target = self._target(draft)
        return target is not None and is_public(target.room)

    def _is_moderated(self, draft: Draft, now: int) -> bool:
        if draft.user == CLUSTER:
            return True
        target = self._target(draft)
        if target is None:
            return False
        here = [self.state.standing(place, draft.user) for place in heard_at(target)]
        if any(standing.role >= MODERATOR and standing.muted <= now for standing in here):
            return True
        is_out = any(standing.banned > now or standing.muted > now for standing in here)
        return is_public(target.room) and self.state.standing("", draft.user).role >= MODERATOR and not is_out

    def _code_is_good(self, draft: Draft, now: int) -> bool:
        code = self.state.codes.get(more_of(draft).code)
        if code is None or code.until <= now:
            return False
        if draft.kind == "register":
            return code.whose in ("", draft.user) and self._is_by_admin(code, now)
        if code.whose != draft.user:
            return False
        if draft.kind == "session":
            return code.author == draft.user and not code.recovers
        return code.author != draft.user or code.recovers

    def _is_made(self, draft: Draft, now: int) -> bool:
        """Return whether the code is there, and this is not one more room for it."""
        if any(kept in self.state.codes for kept in recoveries_of(draft.text)):
            return True
        code = self.state.codes.get(draft.text[:KEPT_LENGTH])
        if code is None:
            return False
        rooms = code.room.split()
        is_same = code.until > now and code.author == draft.user and not code.whose
        is_another = bool(rooms) and is_private(draft.room) and draft.room not in rooms
        return not (is_same and is_another and len(rooms) < MOST_CODE_ROOMS)

    def _is_by_admin(self, code: Code, now: int) -> bool:
        """Return whether who made a code could make it now, too."""
        author = self.state.standing("", code.author)
        is_out = author.banned > now or author.disabled
        return code.author == CLUSTER or (author.role >= ADMIN and not is_out)

    def _is_name_kept(self, draft: Draft, now: int) -> bool:
        return any(
            code.whose == draft.user and kept != more_of(draft).code and code.until > now
            for kept, code in self.state.codes.items()
        )

    def _has_session(self, draft: Draft) -> bool:
        return draft.text == "0" or any(
            one.seq == int(draft.text) for one in self.state.sessions.get(draft.to, {}).values()
        )

    def _is_last_way(self, draft: Draft) -> bool:
        if draft.to != draft.user:
            return False
        account, seq = self.state.accounts[draft.to], int(draft.text)
        if account.credential and not (is_random(account) and account.secret_seq == seq):
            return False
        others = self.state.sessions.get(draft.to, {}).values()
        return not any(one.credential and one.seq != seq for one in others)

    def _is_often(self, draft: Draft, now: int) -> bool:
        if draft.user == CLUSTER:
            return False
        day, count = self.state.tallies.get((draft.user, draft.kind), (0, 0))
        return day == now // DAY_MS and count >= MOST_A_DAY[draft.kind]

    def _is_last_owner(self, draft: Draft) -> bool:
        others = self.state.members.get(draft.room, {}).keys() - {draft.user}
        return bool(others) and self._alone_owns(draft.user, draft.room)

    def _is_there(self, draft: Draft) -> bool:
        target = None if draft.ref is None else self.state.look(draft.ref.seq)
        return (
            draft.ref is not None and target is not None and is_of(draft.ref.check, self.state.log_id, target)
        )

    def _looks_taken(self, draft: Draft) -> bool:
        name = (draft.to or draft.user)[1:]
        return self.state.looks[looks(name)] > 0 or self.is_forgotten(name)

    def _has_arrived(self, draft: Draft) -> bool:
        account = self.state.accounts.get(draft.to)
        return account is not None and draft.ref is not None and account.registered == draft.ref.seq

    def _is_here(self, draft: Draft) -> bool:
        target = None if draft.ref is None else self.state.look(draft.ref.seq)
        return target is not None and target.kind in SAID and draft.room in heard_at(target)


HOLDS: dict[str, Callable[[StateFacts, Draft, int], bool]] = {
    "takes_words": lambda of, draft, now: of.state.level >= WORDS_LEVEL,
    "guest": lambda of, draft, now: is_guest(draft.user),
    "guest_full": lambda of, draft, now: of.state.accounts[draft.user].rooms >= MOST_GUEST_ROOMS,
    "guest_there": lambda of, draft, now: "~" + draft.user in of.state.accounts,
    "looks_taken": lambda of, draft, now: of._looks_taken(draft),
    "many_guests": lambda of, draft, now: of.state.guest_count >= MOST_GUESTS,
    "to_guest": lambda of, draft, now: is_guest(draft.to),
    "to_arrived": lambda of, draft, now: of._has_arrived(draft),
    "newcomer": lambda of, draft, now: of.state.is_newcomer(draft.user, now),
    "talk_begun": lambda of, draft, now: (draft.user, draft.room) in of.state.talks,
    "begun_often": lambda of, draft, now: of._begins_often(draft.user, now),
    "administers": lambda of, draft, now: (
        draft.user == CLUSTER or of.state.standing("", draft.user).role >= ADMIN
    ),
    "signup_by_code": lambda of, draft, now: of.state.policy("", "signup") == "code",
    "signup_closed": lambda of, draft, now: of.state.policy("", "signup") == "closed",
    "code_for_name": lambda of, draft, now: (
        (code := of.state.codes.get(more_of(draft).code)) is not None and code.whose == draft.user
    ),
    "coded": lambda of, draft, now: bool(more_of(draft).code),
    "code_good": lambda of, draft, now: of._code_is_good(draft, now),
    "code_made": lambda of, draft, now: of._is_made(draft, now),
    "name_kept": lambda of, draft, now: of._is_name_kept(draft, now),
    "device_known": lambda of, draft, now: more_of(draft).device in of.state.sessions.get(draft.user, {}),
    "crowded": lambda of, draft, now: len(of.state.sessions.get(draft.user, {})) >= MOST_SESSIONS,
    "to_lives": lambda of, draft, now: (
        draft.to in of.state.accounts
        and bool(of.state.accounts[draft.to].credential or of.state.sessions.get(draft.to))
    ),
    "to_forgotten": lambda of, draft, now: of.is_forgotten(draft.to),
    "to_session": lambda of, draft, now: of._has_session(draft),
    "last_way": lambda of, draft, now: of._is_last_way(draft),
    "member": lambda of, draft, now: of.state.is_member(draft.user, draft.room),
    "to_member": lambda of, draft, now: of.state.is_member(draft.to, draft.room),
    "invited": lambda of, draft, now: of.state.standing(draft.room, draft.user).invited > now,
    "banned": lambda of, draft, now: of.state.standing(draft.room, draft.user).banned > now,
    "to_banned": lambda of, draft, now: of.state.standing(draft.room, draft.to).banned > now,
    "to_invited": lambda of, draft, now: of.state.standing(draft.room, draft.to).invited > now,
    "worded": lambda of, draft, now: bool(draft.text),
    "silenced": lambda of, draft, now: of.state.standing("", draft.user).muted > now,
    "muted": lambda of, draft, now: any(
        of.state.standing(room, draft.user).muted > now for room in (draft.room, "")
    ),
    "banned_there": lambda of, draft, now: of._is_ordered_there(draft, "banned", now),
    "muted_anywhere": lambda of, draft, now: any(
        user == draft.user and standing.muted > now for (_, user), standing in of.state.standings.items()
    ),
    "muted_there": lambda of, draft, now: of._is_ordered_there(draft, "muted", now),
    "by_cluster": lambda of, draft, now: draft.user == CLUSTER,
    "blocked": lambda of, draft, now: bool(of.state.standing(draft.to, draft.user).blocked),
    "direct_off": lambda of, draft, now: of._is_direct_off(draft),
    "members_invite": lambda of, draft, now: of.state.policy(draft.room, "invite") == "members",
    "full": lambda of, draft, now: of.state.accounts[draft.user].rooms >= MOST_ROOMS,
    "made": lambda of, draft, now: draft.room in of.state.privates,
    "room_known": lambda of, draft, now: draft.room in of.state.accounts,
    "to_known": lambda of, draft, now: draft.to in of.state.accounts,
    "to_self": lambda of, draft, now: draft.to == draft.user,
    "to_ever_there": lambda of, draft, now: (
        of.state.is_member(draft.to, draft.room) or (draft.room, draft.to) in of.state.standings
    ),
    "moderates": lambda of, draft, now: of._has_role(draft, MODERATOR, MODERATOR),
    "owns": lambda of, draft, now: of._has_role(draft, OWNER, ADMIN),
    "makes_owner": lambda of, draft, now: draft.text == "owner",
    "owner_there": lambda of, draft, now: any(
        not (of.is_barred(user, now) or of.is_disabled(user))
        for (room, user), standing in of.state.standings.items()
        if room == draft.room and standing.role == OWNER
    ),
    "owned": lambda of, draft, now: any(
        room == draft.room and standing.role == OWNER for (room, _), standing in of.state.standings.items()
    ),
    "to_outranks": lambda of, draft, now: (
        draft.user != CLUSTER and of._rank(draft.to, draft.room) > of._rank(draft.user, draft.room)
    ),
    "last_owner": lambda of, draft, now: of._is_last_owner(draft),
    "to_last_owner": lambda of, draft, now: draft.text != "owner" and of._alone_owns(draft.to, draft.room),
    "often": lambda of, draft, now: of._is_often(draft, now),
    "refers": lambda of, draft, now: draft.ref is not None,
    "ref_mine": lambda of, draft, now: (
        (target := of._target(draft)) is not None and target.user == draft.user
    ),
    "ref_said": lambda of, draft, now: of._target(draft) is not None,
    "ref_readable": lambda of, draft, now: of._is_readable(draft),
    "ref_there": lambda of, draft, now: of._is_there(draft),
    "ref_here": lambda of, draft, now: of._is_here(draft),
    "ref_public": lambda of, draft, now: of._is_public(draft),
    "ref_moderated": lambda of, draft, now: of._is_moderated(draft, now),
}
"""Each fact of :data:`chatnet.rules.FACTS`."""
