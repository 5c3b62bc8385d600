"""What a worker's port offers to clients that speak IRC: a :class:`~chatnet.worker.front.Front`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.addresses import both_on_loopback
from chatnet.entries import Entry, heard_at
from chatnet.irc import caps, sasl
from chatnet.log import Log
from chatnet.net.tls import is_encrypted
from chatnet.stays import changes
from chatnet.store.window import Window
from chatnet.worker.entrance import Entrance
from chatnet.worker.front import Shared
from chatnet.worker.fronts.irc import events
from chatnet.worker.fronts.irc.addresses import Addresses
from chatnet.worker.fronts.irc.channel import Crowd, IrcChannel
from chatnet.worker.fronts.irc.client import IrcClient, error
from chatnet.worker.fronts.irc.command import Command
from chatnet.worker.fronts.irc.connection import IrcConnection
from chatnet.worker.fronts.irc.devices import Devices
from chatnet.worker.fronts.irc.guests import Arrivals, Leaving
from chatnet.worker.fronts.irc.neighbours import rooms_of
from chatnet.worker.fronts.irc.patience import Patience
from chatnet.worker.fronts.irc.presence import Presence
from chatnet.worker.fronts.irc.registration import Registration
from chatnet.worker.fronts.irc.sees import Sees
from chatnet.worker.fronts.irc.settings import IrcSettings
from chatnet.worker.fronts.irc.showing import Showing
from chatnet.worker.fronts.irc.table import COMMANDS
from chatnet.worker.fronts.irc.typists import ORDERS, Typing

LOOKED_BACK = 2_000
"""How many entries before a ban are looked at for whether somebody was there."""
_LETTERS = range(ord("A"), ord("Z") + 1)


class Irc:
    """Speaks IRC. What its connections share: the channels that deliver to them, one for each class."""

    _logger = Logger()
    begins = frozenset({*_LETTERS, *(letter + 32 for letter in _LETTERS), *b"@: \r\n"})
    in_plain = error("From another machine one speaks TLS here: choose the port, or the setting, for that")
    commands: dict[str, Command] = COMMANDS

    def __init__(self, shared: Shared, settings: IrcSettings) -> None:
        self.shared = shared
        self.settings = settings
        self.addresses = Addresses(settings.strangers, settings.most)
        self.crowd = Crowd()
        self.faces = self.crowd.faces
        self.arrivals = Arrivals(self.seconds)
        self.leaving = Leaving()
        self.presence = self.crowd.presence = Presence(self.crowd, shared.outboxes)
        self.showing = Showing(self.crowd, shared.visitors)
        self.typing = Typing(self.crowd, self.seconds, settings.clocks.wall)
        self.patience = Patience(shared.outboxes)
        self.devices = Devices(settings.clocks.reactor, self.crowd)
        self.offered = caps.offered(
            has_passwords=True, has_guests=settings.guests, registers=settings.registers != "no"
        )
        self._offered_to_certificates = {**self.offered, "sasl": sasl.mechanisms(has_certificate=True)}
        self._channels: dict[tuple[str, Sees], IrcChannel] = {}
        self.most_users = self.most_everywhere = 0
        self._window: Window | None = None
        self.entrance: Entrance

    def connection(self, entrance: Entrance) -> IrcConnection:
        window = entrance.sessions.log.window
        if window is not self._window:  # a worker may begin again, with another log
            self._window = window
            window.watch(self._grown)
            self.presence.follow(entrance.sessions)
            self.typing.follow(entrance.sessions)
            self.showing.follow(entrance.sessions)
        self.showing.look_back()
        self.entrance = entrance
        connection = IrcConnection(self.shared, self.addresses)
        connection.speech = Registration(connection, self, entrance)
        return connection

    def offered_on(self, transport: Any, has_certificate: bool = False) -> Mapping[str, str]:
        """Return the capabilities that are offered on a connection, which shows a certificate or does not.
        The policy of ``sts`` is for those by TLS, and tells others from afar where they would find that: at
        the same port."""
        offered = self._offered_to_certificates if has_certificate else self.offered
        if not self.settings.sts:
            return offered
        if is_encrypted(transport):
            return {**offered, "sts": f"duration={self.settings.sts}"}
        if both_on_loopback(transport):
            return self.offered
        return {**self.offered, "sts": f"port={transport.getHost().port}"}

    def seconds(self) -> float:
        """Return the time, by the clock of the reactor."""
        return self.shared.outboxes.seconds()

    def channel(self, log_id: str, sees: Sees) -> IrcChannel:
        """Return the channel of a class of connections."""
        channel = self._channels.get((log_id, sees))
        if channel is None:
            channel = IrcChannel(self.shared.outboxes, self.crowd, log_id, sees)
            self._channels[log_id, sees] = channel
        return channel

    def _grown(self, entries: Sequence[Entry]) -> None:
        self.devices.stir()
        for entry in entries:
            if entry.kind in ORDERS:
                self.typing.ordered(entry)
            if entry.kind == "mute" and not entry.room:
                for client in self.crowd.of_user.get(entry.to, ()):
                    client.muted()
            if entry.kind in ("remove", "ban") and "!" + entry.to not in heard_at(entry):
                for client in self.crowd.of_user.get(entry.to, ()):  # they block whoever removes them
                    client.compare_stays()
            if entry.kind == "ban" and self._members(entry):
                self._banned(self.entrance.sessions.log, entry)
            elif entry.kind == "forget":  # it ends the stays of all in that one's room
                for client in self.crowd.who_is_in([entry.to]):
                    if client.user != entry.to:
                        client.compare_stays()

    def _banned(self, log: Log, ban: Entry) -> None:
        """Tell the members of a room that somebody is no longer in it who was banned, if they were in it: of
        the ban itself only moderators hear. If the newest entries do not tell, the log is asked."""
        source, was_there = self.faces.source(ban.to), _was_there(log.window, ban)
        if was_there is None:
            asking = Deferred.fromCoroutine(self._ask_and_tell(log, ban, source))
            asking.addErrback(self._not_told)
        elif was_there:
            self._tell_banned(log.window, ban, source)

    async def _ask_and_tell(self, log: Log, ban: Entry, source: str) -> None:
        if ban.room in await rooms_of(log, ban.to, ban.seq - 1):
            self._tell_banned(log.window, ban, source)

    def _tell_banned(self, window: Window, ban: Entry, source: str) -> None:
        """Behind the ban the log has nothing more of theirs in the room, unless they come again: so it may be
        told behind what else the log has by now, but not before what stands before it."""
        later = window.after(ban.seq) if window.holds(ban.seq) else ()
        if not any((one.kind, one.user, one.room) == ("join", ban.to, ban.room) for one in later):
            line = events.parted(source, ban.room)
            for client in self._members(ban):
                client.hint_behind(ban.seq, ban.room, line)

    def _members(self, ban: Entry) -> list[IrcClient]:
        return [client for client in self.crowd.who_is_in([ban.room]) if client.user != ban.to]

    def _not_told(self, failure: Failure) -> None:
        self._logger.info("It is not told who was banned: {why}", why=failure.getErrorMessage())

    # ---- who is here ----

    def came(self, client: IrcClient, away: str | None) -> None:
        """A connection has logged in, and has said of being ``away`` what it says."""
        client.choose_prefix()
        self.crowd.enter(client)
        self.most_users = max(self.most_users, len(client.sessions.users))
        self.presence.came(client, away)
        client.show_name()
        self.most_everywhere = max(self.most_everywhere, len(self.presence))

    def gone(self, client: IrcClient) -> None:
        """A connection is gone, and hears nothing any more."""
        rooms = list(client.joined)
        for room in rooms:
            client.note_stay(room, False)
        self.crowd.leave(client)
        self.presence.gone(client, rooms)
        self.patience.gone(client)
        self.devices.gone(client.device)

    @property
    def rooms(self) -> int:
        """In how many rooms somebody here is."""
        return len(self.crowd.of_room)


def _was_there(window: Window, ban: Entry) -> bool | None:
    """Return whether somebody was in the room from which they are banned; None: the newest entries before
    that do not tell."""
    behind = max(window.start, ban.seq - LOOKED_BACK) - 1
    for entry in reversed(window.after(behind, max(0, ban.seq - 1 - behind))):
        for change in changes(entry):
            if (change.user, change.place) == (ban.to, ban.room):
                return change.begins
    return None
