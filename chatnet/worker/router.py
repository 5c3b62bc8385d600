"""Maps places to live sessions on this worker, following stays in the log. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from chatnet.entries import ALL, Entry, ears_of, heard_at, places
from chatnet.kinds import EVENTS, SAID, KindName
from chatnet.stays import CHANGES, Change, Memberships, changes, touches_stays
from chatnet.telemetry import Tell, unheard
from chatnet.worker.audience import Audience

if TYPE_CHECKING:
    from chatnet.reads import Snapshot
    from chatnet.worker.peer import Channel, Ear, Peer


def _tell_nobody(change: Change, seq: int) -> None:
    """Do nothing: there are no sessions."""


class LocalUser:
    """A user with sessions on this worker.

    ``memberships`` are complete after the seq ``since``, and follow the window's head; all sessions of the
    user share them. ``live`` are the peers of those sessions that hear posts as they come.
    """

    __slots__ = ("live", "memberships", "sessions", "since", "user")

    def __init__(self, user: str, memberships: Memberships, since: int) -> None:
        self.user = user
        self.memberships = memberships
        self.since = since
        self.sessions = 0
        self.live: tuple[Peer, ...] = ()

    def places(self) -> list[str]:
        """Return where this user listens now."""
        return [self.user, "@" + self.user, ALL, *self.memberships.rooms()]

    def forget(self, upto: int) -> None:
        """Keep only what is needed after ``upto``, if that is later than ``since``."""
        if upto > self.since:
            self.since = upto
            self.memberships.forget(upto)


class Router:
    """Hands each new entry to the live sessions that may see it, through their channels.

    Joins and leaves go to channels that show them. ``deliveries`` counts what was handed over. A live
    session's cursor is the window's head, so nothing here has to move it. ``tell`` hears who goes live.
    ``stay_changed`` is called with the stays that users here begin and end, and those that others end whom
    they block, so that they hear nothing of it; in order with what is handed over.
    """

    def __init__(self, tell: Tell = unheard) -> None:
        self.tell = tell
        self.stay_changed: Callable[[Change, int], None] = _tell_nobody
        # By channel first: most places have so few ears that a dict for each would take more memory than
        # they.
        self._audiences: dict[Channel, Audience] = {}
        self._local_users: dict[str, LocalUser] = {}
        # The users for whom ended stays are kept.
        self._leavers: dict[LocalUser, None] = {}
        self._forgotten = 0
        self._watchers: list[tuple[Collection[KindName], Callable[[Entry], None]]] = []
        self.deliveries = 0

    def arrive(self, user: str, snapshot: Snapshot, since: int, behind: Iterable[Entry]) -> LocalUser:
        """Add a session of ``user``.

        ``snapshot`` has the stays that matter after ``since``; ``behind`` are the entries from the snapshot
        to the window's head.
        """
        local_user = self._local_users.get(user)
        if local_user is None:
            # The snapshot's stays are as of a moment at which another guest may have had the name.
            own = [stay for stay in snapshot.intervals if stay.joined >= snapshot.registered]
            memberships = Memberships(own, snapshot.registered)
            for entry in behind:
                if touches_stays(entry.kind):
                    memberships.apply(entry, user)
            local_user = self._local_users[user] = LocalUser(user, memberships, since)
            self._keep_in_mind(local_user)
        local_user.sessions += 1
        return local_user

    def depart(self, local_user: LocalUser) -> None:
        """Remove a session, which must not be live."""
        local_user.sessions -= 1
        if not local_user.sessions:
            self.part(local_user)

    def part(self, local_user: LocalUser) -> None:
        """Follow a user no longer, who has no live session: they are nobody, or somebody else is called so.
        Harmless if that was done."""
        if self._local_users.get(local_user.user) is local_user:
            del self._local_users[local_user.user]
        self._leavers.pop(local_user, None)

    def forget(self, upto: int) -> None:
        """Forget who was where up to ``upto``: sessions read older posts from the log.

        Otherwise a user who joins and leaves all day would take more and more memory.
        """
        if upto == self._forgotten:
            return
        self._forgotten = upto
        for local_user in list(self._leavers):
            local_user.forget(upto)
            if not local_user.memberships.has_ended:
                del self._leavers[local_user]

    def _keep_in_mind(self, local_user: LocalUser) -> None:
        if local_user.memberships.has_ended:
            self._leavers[local_user] = None

    def go_live(self, local_user: LocalUser, peer: Peer) -> None:
        """Hand new posts to this session from now on."""
        local_user.live += (peer,)
        audience = self._audiences.setdefault(peer.channel, Audience())
        audience.enter(peer.ear)
        for place in local_user.places():
            audience.listen(place, peer.ear)

    def leave_live(self, local_user: LocalUser, peer: Peer) -> None:
        """Stop handing new posts to this session."""
        local_user.live = tuple(other for other in local_user.live if other is not peer)
        audience = self._audiences[peer.channel]
        for place in local_user.places():
            audience.turn_away(place, peer.ear)
        audience.leave(peer.ear)
        if not audience:
            del self._audiences[peer.channel]

    def listening(self, place: str) -> Iterator[tuple[Channel, Collection[Ear]]]:
        """Yield who is live and listens at a place, by channel."""
        for channel, audience in self._audiences.items():
            for _, ears in audience.hearing((place,)):
                yield channel, ears

    def watch(self, kinds: Collection[KindName], watcher: Callable[[Entry], None]) -> None:
        """Call ``watcher`` with each entry of these kinds, of which none is said, in order with what is
        handed over: behind the entry itself, and before what follows it."""
        self._watchers.append((kinds, watcher))

    def apply(self, entries: Sequence[Entry]) -> None:
        """Follow the window: hand over what is heard, and follow stays, in the order of seq.

        Consecutive entries of one kind that are heard at the same places, named in any order, are handed over
        together.
        """
        run: list[Entry] = []
        where: tuple[str, ...] = ()
        for entry in entries:
            kind = entry.kind
            if kind in SAID:
                at = entry.at or places(entry.user, entry.room, entry.text)
                # Each place is named once; most posts have only one, and need no sets.
                is_same = at == where or (len(at) == len(where) > 1 and set(at) == set(where))
                if not is_same or (run and run[0].kind != kind):
                    self._fan_out(where, run)
                    run, where = [], at
                run.append(entry)
                continue
            if kind == "forget":
                self._fan_out(where, run)
                run = []
                self._hand_over(heard_at(entry), [entry])
                self._end_stays(entry)
            elif kind in EVENTS or kind in CHANGES:
                moves = changes(entry)
                if kind in EVENTS or self._matters(kind, moves):
                    self._fan_out(where, run)
                    run = []
                    self._event(entry, moves)
            for kinds, watcher in self._watchers:
                if kind in kinds:
                    self._fan_out(where, run)
                    run = []
                    watcher(entry)
        self._fan_out(where, run)

    def _fan_out(self, where: tuple[str, ...], run: list[Entry]) -> None:
        """Hand over what was said at places, if anything was."""
        if run and self._audiences:
            self._hand_over(_ears(where) if "=" in where[0] else where, run)

    def _hand_over(self, where: tuple[str, ...], run: list[Entry]) -> None:
        kind, count = run[0].kind, len(run)
        for channel, audience in self._audiences.items():
            if channel.shows(kind) and (hearing := audience.hearing(where)):
                channel.fan(run, hearing)
                for _, ears in hearing:
                    self.deliveries += count * len(ears)

    def _matters(self, kind: KindName, moves: Sequence[Change]) -> bool:
        """Return whether a join or leave concerns anybody here."""
        for change in moves:
            if change.user in self._local_users:
                return True
        return any(channel.shows(kind) for channel in self._audiences)

    def _event(self, entry: Entry, moves: Sequence[Change]) -> None:
        """Hand over an entry that is no post, also to users whose stay it begins or ends."""
        if where := heard_at(entry):
            # A stay does not cover its last entry: whom that is for hears it at a place of their own, if at
            # all.
            moved = [change for change in moves if self._move(change, entry.seq)]
            self._hand_over(_ears(where), [entry])
            for change in moved:
                # Who blocks whoever removes them is told that they are out, and not by whom, and why.
                if change.place == entry.room and "!" + change.user not in where:
                    self.stay_changed(change, entry.seq)
        elif moves:
            # But a join or leave is heard in the room by its author, too, if their channel shows it.
            for change in moves:
                if change.begins:
                    self._move(change, entry.seq)
            self._hand_over((entry.room,), [entry])
            for change in moves:
                if not change.begins:
                    self._move(change, entry.seq)
            if entry.user in self._local_users:
                self.stay_changed(moves[0], entry.seq)

    def _end_stays(self, entry: Entry) -> None:
        """End all stays of who is forgotten, and those in their room: what follows may be in the same batch,
        and their sessions end behind it."""
        for user, local_user in self._local_users.items():
            for change in local_user.memberships.ended_by(entry, user):
                self._move(change, entry.seq)

    def _move(self, change: Change, seq: int) -> bool:
        """Begin or end a stay of a user here; return whether that changed anything."""
        local_user = self._local_users.get(change.user)
        if local_user is None or not local_user.memberships.change(change, seq):
            return False
        self._keep_in_mind(local_user)
        for peer in local_user.live:
            audience = self._audiences[peer.channel]
            move = audience.listen if change.begins else audience.turn_away
            move(change.place, peer.ear)
        return True


def _ears(where: Iterable[str]) -> tuple[str, ...]:
    """Return where those listen who hear what is said at any of these places, each once."""
    return tuple(dict.fromkeys(ear for place in where for ear in ears_of(place)))
