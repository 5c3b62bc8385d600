"""Bugs of IRC: of lines and their answers, of what is heard and read back, and of who is sent to a front.

They are hunted where some users speak IRC, and others do not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from msgspec.structs import replace
from simulation.mutants.planting import Mutant, Put
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed

from chatnet.cursor import Cursor
from chatnet.entries import Draft, Entry
from chatnet.irc import texts
from chatnet.irc.lines import Line
from chatnet.master import lost_guests
from chatnet.master.lost_guests import LostGuests
from chatnet.master.registry import Registration
from chatnet.names import fold_for
from chatnet.net.link import Link
from chatnet.store.remote import RemoteLog
from chatnet.store.sqlite import writer
from chatnet.wire.log import Append
from chatnet.worker.fronts.irc import events, histories, rooms, said
from chatnet.worker.fronts.irc.answers import Answers, Slot
from chatnet.worker.fronts.irc.channel import PREFIX_BYTES
from chatnet.worker.fronts.irc.client import IrcClient
from chatnet.worker.fronts.irc.command import Command
from chatnet.worker.fronts.irc.devices import Device
from chatnet.worker.fronts.irc.drafts import Drafts
from chatnet.worker.fronts.irc.faces import Faces
from chatnet.worker.fronts.irc.front import Irc
from chatnet.worker.fronts.irc.talk import Saying
from chatnet.worker.peer import Channel, Ear
from chatnet.worker.presence import Presence
from chatnet.worker.router import Router
from simulator.run import Scale

SCALE = Scale(irc=True)


def a_line_gets_another_key_when_sent_again(put: Put) -> None:
    """What an IRC client said is sent again, once a primary is there again, as if it were another draft."""

    async def ask(self: RemoteLog, command: type[Any], **arguments: Any) -> Any:
        if command is not Append:
            return await real(self, command, **arguments)
        drafts: Sequence[Draft] = arguments["drafts"]
        while True:
            link = self._link
            if link is None:
                attached: Deferred[None] = Deferred()
                self._waiting.append(attached)
                await attached
                continue
            try:
                return await link.callRemote(command, drafts=drafts)
            except ConnectionClosed:
                self._link = None if self._link is link else self._link
                drafts = [_renamed(draft) for draft in drafts]

    real = put(RemoteLog, "_ask", ask)


def an_echo_before_the_commit(put: Put) -> None:
    """A post is echoed as soon as it is said, with the seq that it will probably have."""

    def post(self: Saying, target: str, text: str, form: Any, is_long: bool) -> None:
        client = self._client
        before = set(client.drafts._open)
        real(self, target, text, form, is_long)
        for key in set(client.drafts._open) - before:
            client.drafts._open[key].heard = lambda entry, place, seq: self.done()
            room = target[2:] if target[:2] == "#@" else target if target[0] in "#&" else f"@{target}"
            seq, time = client.window.head + 1, int(client.front.settings.clocks.wall() * 1000)
            entry = Entry(seq, time, "post", client.user, fold_for(room, client.user), text, key)
            self._echo(entry, "")

    real = put(Saying, "_post", post)


def a_pong_before_the_commit(put: Put) -> None:
    """A PING is answered at once, whatever was said before it."""

    def ping(client: IrcClient, slot: Slot, line: Line) -> None:
        name = client.front.settings.name
        slot.now(f":{name} PONG {name} :{line.params[0]}\r\n".encode())

    put(Irc, "commands", {**Irc.commands, "PING": Command(ping)})


def an_answer_out_of_order(put: Put) -> None:
    """Each line is answered when that is known, before earlier ones."""
    put(Answers, "is_first", lambda self, slot: True)


def a_front_that_is_named(put: Put) -> None:
    """Masters send clients to IRC fronts, too, as to any worker."""

    def takes_clients(self: Registration[Any]) -> bool:
        return not (self.is_opening or self.leaving or self.draining or self.load.full)

    put(Registration, "takes_clients", property(takes_clients))


def a_page_begins_one_behind_its_bound(put: Put) -> None:
    """A history after a message leaves out the first one behind that."""

    async def oldest(client: IrcClient, room: str, after: int, before: int, limit: int) -> Any:
        first = await real(client, room, after, before, 1)
        return await real(client, room, first[0].seq if first else after, before, limit)

    real = put(histories, "oldest", oldest)


def what_was_said_at_the_join_comes_twice(put: Put) -> None:
    """Who joins is shown the newest posts, also those that it has heard since."""

    async def say_newest(client: IrcClient, slot: Slot, room: str, before: int) -> None:
        await real(client, slot, room, histories.MOST_SEQ)

    real = put(rooms, "say_newest", say_newest)


def an_echo_for_everybody(put: Put) -> None:
    """A client is given its own posts, though it has not asked for that."""

    def echo(self: Saying, entry: Entry, place: str) -> None:
        client = self._client
        if not client.has("echo-message"):
            client.put_line(client.channel.lines(entry, place or self._place(entry)))
        real(self, entry, place)

    real = put(Saying, "_echo", echo)


def what_does_not_fit_a_line_is_cut(put: Put) -> None:
    """Of a long post only the first line is sent."""

    class Cutting:
        def __getattr__(self, name: str) -> Any:
            return getattr(texts, name)

        def outgoing(self, text: str, room_for: int) -> list[str]:
            return texts.outgoing(text, room_for)[:1]

    put(said, "texts", Cutting())


def lines_share_a_key(put: Put) -> None:
    """Each draft of a connection has the same key as the first, so that what is said next is said already."""

    def next_line(self: Drafts) -> None:
        self._within = 0

    put(Drafts, "next_line", next_line)


def a_listener_begins_behind(put: Put) -> None:
    """A connection hears only what is said once its client has asked for something."""

    def listen(self: IrcClient, begin: Any) -> None:
        self.front.shared.outboxes.later(1.0, lambda: self._is_gone or real(self, begin))

    real = put(IrcClient, "_listen", listen)


def a_cursor_that_is_moved_by_a_write(put: Put) -> None:
    """What was written to a device counts as had by it, before it says so."""

    def ask(self: Device, seconds: float) -> None:
        real(self, seconds)
        self._has = max(self._has, self._client.session.reached)
        self.keep()

    real = put(Device, "_ask", ask)


def what_a_device_missed_begins_one_too_far(put: Put) -> None:
    """A device that comes back is sent all but the first of what it has missed."""

    async def start(self: Device, head: Cursor) -> Cursor:
        cursor: Cursor = await real(self, head)
        page = await self._client.session.reads.feed(cursor.seq, head.seq)
        first = next((post for post in page.posts if self._place(post)), None)
        return cursor if first is None else Cursor.at(self._client.sessions.log.log_id, first)

    real = put(Device, "_start", start)


def only_the_first_target_gets_it(put: Put) -> None:
    """What is said to several is said to one of them."""

    def named(self: Saying, params: tuple[str, ...]) -> list[str]:
        targets: list[str] = real(self, params)
        return targets[:1]

    real = put(Saying, "_named", named)


def a_reaction_is_shown_as_words(put: Put) -> None:
    """Who hears a reaction is told of it as of any other post."""
    put(said, "is_reaction", lambda post: False)


def what_is_answered_is_not_told(put: Put) -> None:
    """A post does not say which other one it answers, unless it reacts to it."""

    def more_tags(post: Entry, context: str) -> str:
        tags: str = real(post if said.is_reaction(post) else replace(post, more=None), context)
        return tags

    real = put(said, "_more_tags", more_tags)


def what_was_done_is_in_no_history(put: Put) -> None:
    """Who asks for histories with what was done is given what was said alone."""
    put(events, "PLAYED", frozenset())


def who_is_somebody_else_begins_behind(put: Put) -> None:
    """A guest with another nick, or who has logged in, hears what is said from a moment later on."""

    async def begin(self: Device, start: Cursor | None = None) -> None:
        if start is not None:
            later: Deferred[None] = Deferred()
            self._client.front.shared.outboxes.later(0.3, lambda: later.callback(None))
            await later
            start = self._client.window.cursor
        await real(self, start)

    real = put(Device, "begin", begin)


def a_guest_is_gone_while_it_talks(put: Put) -> None:
    """A primary takes each guest for one whose process died, whatever it is told."""

    def made(self: LostGuests, log: Any, is_reported: object, clock: Any) -> None:
        real(self, log, lambda user: False, clock)

    put(lost_guests, "LOST_SECONDS", 5.0)
    real = put(LostGuests, "__init__", made)


def a_new_primary_is_told_nobody(put: Put) -> None:
    """A process tells the next primary of its users who come and go alone, and not of those who are there."""

    def attached(self: Presence, link: Link) -> None:
        real(self, link)
        self._changed.clear()

    real = put(Presence, "attached", attached)


def who_types_is_told_to_everybody(put: Put) -> None:
    """Not only where it was said: also to who has left the room, or never was in it."""

    def listening(self: Router, place: str) -> Iterator[tuple[Channel, Collection[Ear]]]:
        for one in self._local_users.values():
            for peer in one.live:
                yield peer.channel, (peer.ear,)

    put(Router, "listening", listening)


def whoever_has_the_nick_by_then_is_meant(put: Put) -> None:
    """The log does not look at which guest a draft is for: it is for whoever has the nick."""

    def judge(draft: Draft, facts: Any, now: int) -> Sequence[str]:
        return real(replace(draft, meant=0), facts, now)

    real = put(writer, "judge", judge)


def a_front_does_not_say_whom_it_means(put: Put) -> None:
    """A front names a guest by the nick alone."""
    put(Faces, "here_at", lambda self, user: 0)


def _renamed(draft: Draft) -> Draft:
    key = draft.key[:PREFIX_BYTES] + bytes(byte ^ 255 for byte in draft.key[PREFIX_BYTES:])
    return Draft(draft.kind, draft.user, draft.room, draft.text, key, draft.by, draft.more)


MUTANTS: tuple[Mutant, ...] = (
    a_line_gets_another_key_when_sent_again,
    an_echo_before_the_commit,
    a_pong_before_the_commit,
    an_answer_out_of_order,
    a_front_that_is_named,
    a_page_begins_one_behind_its_bound,
    what_was_said_at_the_join_comes_twice,
    an_echo_for_everybody,
    a_new_primary_is_told_nobody,
    what_does_not_fit_a_line_is_cut,
    lines_share_a_key,
    a_listener_begins_behind,
    a_cursor_that_is_moved_by_a_write,
    what_a_device_missed_begins_one_too_far,
    only_the_first_target_gets_it,
    a_reaction_is_shown_as_words,
    what_is_answered_is_not_told,
    what_was_done_is_in_no_history,
    who_is_somebody_else_begins_behind,
    a_guest_is_gone_while_it_talks,
    who_types_is_told_to_everybody,
    whoever_has_the_nick_by_then_is_meant,
    a_front_does_not_say_whom_it_means,
)
