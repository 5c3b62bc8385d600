"""What was said before: CHATHISTORY."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.defer import Deferred

from chatnet.cursor import Cursor
from chatnet.entries import Entry, Ref
from chatnet.errors import CursorAhead, NoSuchRoom
from chatnet.irc import msgids, times, writer
from chatnet.irc.isupport import MOST_HISTORY
from chatnet.kinds import SAID
from chatnet.names import is_guest, is_talk
from chatnet.store.verifying import verify
from chatnet.worker.fronts.irc import events
from chatnet.worker.fronts.irc.command import Command, Pace
from chatnet.worker.fronts.irc.marking import (
    NoTarget,
    Params,
    known_room,
    room_of_guests,
    shown_as,
    spelled_for,
    time_of,
)
from chatnet.worker.fronts.irc.said import is_reaction

if TYPE_CHECKING:
    from chatnet.irc.lines import Line
    from chatnet.worker.fronts.irc.answers import Slot
    from chatnet.worker.fronts.irc.client import IrcClient

NEWEST = 20
"""How many posts a client is shown that joins a channel for the first time."""
A_TURN_BYTES = 16 * 1024
"""How much of a history is written in one turn of the reactor, and then what one post more takes."""
TWO_TIMES = "TARGETS needs two times and a limit."
KEPT_CHARACTERS = 64 * 1024
"""How long the texts of a history are together that are kept until they are said; the others are read a
second time, when it is their turn."""
MOST_SEQ = (1 << 62) - 1
ROOMS_A_LINE = 10
"""So many rooms whose newest message is looked for count as a line."""
AHEAD_SECONDS = 5.0
"""Seconds to wait for a message that this worker has not reached yet."""


class Gone(Exception):
    """A message is meant that is not in the log."""


class Place(NamedTuple):
    """Where a history begins or ends: behind the seq ``before``, and up to ``after``; both are one entry's
    neighbours, so that a bound leaves it out."""

    before: int
    after: int


# ---- places ----


async def place(client: IrcClient, room: str, said: str) -> Place:
    """Return the place that a client names by ``msgid=`` or ``timestamp=``.

    :raises Params: it names none. :raises Gone: the log has no such message.
    """
    kind, _, value = said.partition("=")
    if kind == "msgid" and (ref := msgids.read(value)) is not None:
        await _check(client, ref)
        return Place(ref.seq - 1, ref.seq)
    if kind == "timestamp" and (time := times.read(value)) is not None:
        return await _at_time(client, room, time)
    if kind == "msgid":
        raise Gone
    raise Params("A place is msgid=ID or timestamp=TIME.")


async def _check(client: IrcClient, ref: Ref) -> None:
    await reached(client, ref.seq)
    queue = client.session.reads.turn()
    try:
        async with queue:
            await queue.read(verify, client.sessions.log, Cursor(ref.seq, ref.check))
    except CursorAhead as why:
        raise Gone from why


async def reached(client: IrcClient, seq: int) -> None:
    """Wait until this worker has followed the log to ``seq``, for a few seconds: another worker may be ahead
    of it, where the client saw what it asks about.

    :raises Gone: it is not reached.
    """
    window = client.window
    if seq <= window.head:
        return
    waiting: Deferred[bool] = Deferred()

    def grown(entries: object) -> None:
        if window.head >= seq and not waiting.called:
            waiting.callback(True)

    def late() -> None:
        if not waiting.called:
            waiting.callback(False)

    window.watch(grown)
    timer = client.front.shared.outboxes.later(AHEAD_SECONDS, late)
    has_reached = await waiting
    window.unwatch(grown)
    if timer.active():
        timer.cancel()
    if not has_reached:
        raise Gone


async def _at_time(client: IrcClient, room: str, time: int) -> Place:
    """Return the place of a time. It leaves out the one message that has this time; of several, none: a
    repeat has a known id, a gap has none."""
    reads = client.session.reads
    low, high = await reads.seq_before(time), await reads.seq_before(time + 1)
    page = await reads.history_after(room, low, plays_events(client)) if low < high else []
    tied = [one for one in page if one.seq <= high][:2]
    return Place(low, high) if len(tied) < 2 else Place(high, low)


# ---- posts ----


Found = list[Entry | int]
"""The posts of a history: a seq is one that is read again when it is said. A thousand long ones are
megabytes, and who asks for them may read slowly."""


def _kept(page: Iterable[Entry], room_left: int) -> tuple[Found, int]:
    """Return what is kept of posts while there is room for so many characters, and how much is left then."""
    kept: Found = []
    for post in page:
        room_left -= len(post.text)
        kept.append(post if room_left > 0 else post.seq)
    return kept, room_left


def plays_events(client: IrcClient) -> bool:
    """Return whether the client is shown events in histories, too: only in a batch can it tell that they are
    none of now."""
    return client.has("draft/event-playback") and client.has("batch")


def _is_told(client: IrcClient, entry: Entry, with_events: bool) -> bool:
    """Return whether an entry is in a history for a client: posts, but those that were taken back, and
    ``with_events`` some of these, of which reactions are."""
    if entry.kind not in SAID:
        return entry.kind in events.PLAYED
    if not entry.text:
        return False
    return not is_reaction(entry) or (with_events and client.has("message-tags"))


async def newest(
    client: IrcClient, room: str, before: int, after: int, limit: int, with_events: bool | None = None
) -> Found:
    """Return the newest posts before the seq ``before`` and after ``after``, oldest first; none that was
    taken back. So there are fewer than the ``limit`` only if there are no more. ``with_events``: events, too;
    None: if the client is shown these."""
    found: Found = []
    room_left = KEPT_CHARACTERS
    if with_events is None:
        with_events = plays_events(client)
    while len(found) < limit:
        page = await client.session.reads.history(room, before, with_events)
        if not page:
            break
        before = page[0].seq
        shown = [post for post in page if post.seq > after and _is_told(client, post, with_events)]
        posts = shown[len(found) - limit :]
        if not posts:
            client.charge()  # it may go on so for long
        kept, room_left = _kept(posts, room_left)
        found = kept + found
        if before <= after + 1:
            break
    return found


async def oldest(client: IrcClient, room: str, after: int, before: int, limit: int) -> Found:
    """Return the oldest posts after the seq ``after`` and before ``before``."""
    found: Found = []
    room_left = KEPT_CHARACTERS
    with_events = plays_events(client)
    while len(found) < limit:
        page = await client.session.reads.history_after(room, after, with_events)
        if not page:
            break
        after = page[-1].seq
        shown = [post for post in page if post.seq < before and _is_told(client, post, with_events)]
        posts = shown[: limit - len(found)]
        if not posts:
            client.charge()
        kept, room_left = _kept(posts, room_left)
        found += kept
        if after >= before:
            break
    return found


async def _read_again(client: IrcClient, room: str, found: Found, since: int) -> AsyncIterator[Entry]:
    """Yield the posts that were found, but those that were taken back meanwhile: since so many had been as
    there were when they were looked for."""
    page: dict[int, Entry] = {}
    taken_back, known = client.window.taken_back, since
    gone: Collection[int] | None = ()
    for one in found:
        if isinstance(one, Entry):
            if known != taken_back.count:
                known, gone = taken_back.count, taken_back.since(since)
            if gone is not None and one.seq not in gone and not taken_back.blankings.cover(one):
                yield one
                continue
        seq = one.seq if isinstance(one, Entry) else one
        if seq not in page:
            read = await client.session.reads.history_after(room, seq - 1, plays_events(client))
            page = {post.seq: post for post in read}
        if seq in page and _is_told(client, page[seq], with_events=True):
            yield page[seq]


# ---- CHATHISTORY ----


async def chathistory(client: IrcClient, slot: Slot, line: Line) -> None:
    """Read what was said in a channel that one is in, or in a conversation."""
    subcommand, *params = line.params or ("",)
    subcommand = subcommand.upper()
    word = writer.word(subcommand)
    try:
        if subcommand == "TARGETS":
            await _say_targets(client, slot, params)
            return
        if subcommand not in _SUBCOMMANDS:
            raise Params("There is no such subcommand.")
        target, *bounds = params or [""]
        if len(bounds) != (3 if subcommand == "BETWEEN" else 2):
            raise Params("A target, bounds and a limit are needed.")
        limit, since = _limit(bounds.pop()), client.window.taken_back.count
        room = known_room(client, target)
        try:
            posts = await _SUBCOMMANDS[subcommand](client, room, bounds, limit)
        except NoSuchRoom:
            room = room_of_guests(client, target)
            posts = await _SUBCOMMANDS[subcommand](client, room, bounds, limit)
    except Params as why:
        client.fail(slot, "CHATHISTORY", "INVALID_PARAMS", str(why), word)
    except Gone:
        sentence = "That message is not in the log, or no longer: ask for LATEST."
        client.fail(slot, "CHATHISTORY", "MESSAGE_ERROR", sentence, word, writer.word(target))
    except (NoTarget, NoSuchRoom):
        sentence = "There is no such history for you."
        client.fail(slot, "CHATHISTORY", "INVALID_TARGET", sentence, word, writer.word(target))
    else:
        await _say_posts(client, slot, room, posts, shown_as(client, target, room), since)


def _limit(said: str) -> int:
    if not (said.isascii() and said.isdigit() and int(said) > 0):
        raise Params("A limit is a whole number.")
    return min(int(said), MOST_HISTORY)


async def _latest(client: IrcClient, room: str, bounds: Sequence[str], limit: int) -> Found:
    after = 0 if bounds[0] == "*" else (await place(client, room, bounds[0])).after
    return await newest(client, room, MOST_SEQ, after, limit)


async def _before(client: IrcClient, room: str, bounds: Sequence[str], limit: int) -> Found:
    at = await place(client, room, bounds[0])
    return await newest(client, room, at.before + 1, 0, limit)


async def _after(client: IrcClient, room: str, bounds: Sequence[str], limit: int) -> Found:
    at = await place(client, room, bounds[0])
    return await oldest(client, room, at.after, MOST_SEQ, limit)


async def _around(client: IrcClient, room: str, bounds: Sequence[str], limit: int) -> Found:
    at = min(await place(client, room, bounds[0]))
    before = await newest(client, room, at + 1, 0, limit)
    after = await oldest(client, room, at, MOST_SEQ, limit)
    left = max(limit // 2, limit - len(after))
    return (before[-left:] if left else []) + after[: limit - min(left, len(before))]


async def _between(client: IrcClient, room: str, bounds: Sequence[str], limit: int) -> Found:
    """Counting starts at the first bound, whichever is the older one."""
    first, second = [await place(client, room, bound) for bound in bounds]
    if min(first) <= min(second):
        return await oldest(client, room, first.after, second.before + 1, limit)
    return await newest(client, room, first.before + 1, second.after, limit)


_SUBCOMMANDS = {
    "LATEST": _latest,
    "BEFORE": _before,
    "AFTER": _after,
    "AROUND": _around,
    "BETWEEN": _between,
}


def sees_newest(client: IrcClient) -> bool:
    """Return whether a client is told of what was said last in a room that it joins: if it sees when that was
    said, and does not ask for histories itself."""
    return client.has("server-time") and not client.has("draft/chathistory")


async def say_newest(client: IrcClient, slot: Slot, room: str, before: int) -> None:
    """Say the newest posts of a room that was just joined, if the client :func:`sees_newest`. What is not
    ``before`` this seq, it hears as it is said. They may stand in the answer to a JOIN, where an event would
    be one of now."""
    if not sees_newest(client):
        return
    since = client.window.taken_back.count
    posts = await newest(client, room, before, 0, NEWEST, with_events=False)
    if posts:
        await _say_posts(client, slot, room, posts, spelled_for(client, room), since)


async def _say_posts(client: IrcClient, slot: Slot, room: str, posts: Found, target: str, since: int) -> None:
    """Say posts, some in each turn of the reactor, and no more while the client does not read; ``since`` as
    in :func:`_read_again`."""
    size, batches = 0, client.has("batch")
    if batches:
        slot.begin("chathistory", target)
    place = f"@{client.user}" if is_talk(room) else room
    async for post in _read_again(client, room, posts, since):
        if size > A_TURN_BYTES:
            size = 0
            await client.breathe()
        lines = client.channel.past(post, place).splitlines(keepends=True)
        size += sum(map(len, lines))
        if len(lines) > 1 and client.channel.sees.tags.multiline:
            slot.say(b"".join(lines))  # a batch of its own, of which only the beginning is in this one
        else:
            slot.say(*lines)
    if batches:
        slot.close()


async def _say_targets(client: IrcClient, slot: Slot, params: Sequence[str]) -> None:
    """List the channels and conversations of which the newest message is between two times, by that. Behind
    the limit come those that have the same time as the last one: who asks on from there, exclusively, would
    never hear of them. Of guests it names ``~nick``, also of those who are here: when the client asks for
    that history, their nick may be somebody else's."""
    if len(params) != 3:
        raise Params(TWO_TIMES)
    limit, bounds = _limit(params[2]), []
    for said in params[:2]:
        time = times.read(said.removeprefix("timestamp="))
        if time is None or not said.startswith("timestamp="):
            raise Params(TWO_TIMES)
        bounds.append(time)
    reads = client.session.reads
    low, high = await reads.seq_before(min(bounds) + 1), await reads.seq_before(max(bounds))
    client.charge(len(client.joined) // ROOMS_A_LINE)
    newest_of = [found async for found in _newest_of_all(client) if low < found[0] <= high]
    if client.has("batch"):
        slot.begin("draft/chathistory-targets")
    told, last = 0, 0
    for seq, room, known in sorted(newest_of):
        time = known or await time_of(client, room, seq)
        if time is None:
            continue
        if told >= limit and time > last:
            break
        told, last = told + 1, time
        words = "CHATHISTORY", "TARGETS", _target(client, room), times.shown(time)
        slot.say(writer.line(client.front.settings.name, *words))


def _target(client: IrcClient, room: str) -> str:
    if room[0] != "@":
        return events.channel(room)
    return room[1:] if is_guest(room[1:]) else client.front.faces.nick(room[1:])


async def _newest_of_all(client: IrcClient) -> AsyncIterator[tuple[int, str, int]]:
    """Yield the seq of the newest message of each conversation and each room of the user, as they spell it,
    and its time, or 0 if that is not read yet."""
    after, has_more = "", True
    while has_more:
        page = await client.session.reads.conversations(after)
        for one in page.talks:
            yield one.newest, one.room, 0
        has_more = page.more and bool(page.talks)
        after = page.talks[-1].room if page.talks else after
    for room in client.rooms():
        try:
            for post in await newest(client, room, MOST_SEQ, 0, 1):
                yield (post.seq, room, post.time) if isinstance(post, Entry) else (post, room, 0)
        except NoSuchRoom:
            continue  # it was left meanwhile


COMMANDS = {
    "CHATHISTORY": Command(chathistory, 0, Pace.ALONE, price=4),
}
