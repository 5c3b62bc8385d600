"""Posts as lines of IRC, for all connections of one class at one place. Pure."""

from __future__ import annotations

from functools import lru_cache

from chatnet.entries import Entry
from chatnet.irc import msgids, targets, texts, times, writer
from chatnet.irc.batches import CONCAT, MULTILINE
from chatnet.irc.caps import TagClass
from chatnet.irc.lines import MOST_BYTES
from chatnet.irc.msgids import in_base_36
from chatnet.names import GUEST, is_talk
from chatnet.worker.fronts.irc.faces import Faces
from chatnet.worker.fronts.irc.sees import Sees

REACT = "+draft/react"
"""The tag of a reaction to another post."""
BOT = "bot"
"""The tag of all that a bot sends."""


def command_of(form: str) -> str:
    """Return the command of a post of this form."""
    return "NOTICE" if form == "notice" else "PRIVMSG"


def head_of(source: str, command: str, target: str) -> str:
    """Return what stands before the text of a post that comes from ``source``."""
    return f":{source} {command} {target} :"


def room_for(head: str, form: str) -> int:
    """Return how many bytes of text fit into one line behind ``head``."""
    return MOST_BYTES - len(head.encode()) - (len(texts.action("")) if form == "action" else 0)


@lru_cache(maxsize=4_096)  # the same people talk in the same places
def _head_and_room(source: str, form: str, target: str) -> tuple[str, int]:
    head = head_of(source, command_of(form), target)
    return head, room_for(head, form)


def target_of(post: Entry, place: str, faces: Faces) -> tuple[str, str]:
    """Return the target that a post has for those who hear it at a place, and from which channel somebody
    mentions them who is not in it; empty if it is nothing of that kind."""
    if is_talk(post.room):
        first, second = post.room.split("=")
        return faces.nick(second if post.user == first else first), ""
    if place[0] == "@":
        return faces.nick(place[1:]), targets.channel_of(post.room, "") or ""
    return targets.channel_of(place, "") or place, ""


def tags_of(log_id: str, entry: Entry, tags: TagClass, is_bot: bool, more: str = "", whose: str = "") -> str:
    """Return the tags of an entry, for connections that are shown those; ``more`` are further ones. It is
    told as what ``whose`` user does, if that is not its author."""
    account = account_of(whose or entry.user)
    if not tags.every:
        return tags.tags(times.shown(entry.time), account=account)
    if is_bot:
        more = f"{BOT};{more}" if more else BOT
    return tags.tags(times.shown(entry.time), msgids.msgid(log_id, entry), account, more)


def account_of(user: str) -> str:
    """Return the account of an author, for a tag; a guest has none."""
    return "" if user[0] == GUEST else user


def _more_tags(post: Entry, context: str) -> str:
    """Return the tags that a post has because of what it says: which it answers, and from where it comes."""
    if post.ref is None:
        return f"+channel-context={context}" if context else ""
    reply = f"+draft/reply={msgids.shown(post.ref)};+reply={msgids.shown(post.ref)}"
    return f"+channel-context={context};{reply}" if context else reply


def is_reaction(post: Entry) -> bool:
    """Return whether a post is a reaction to another one: a TAGMSG, for those who read tags."""
    return post.more is not None and post.more.reacts


def reaction(text: str) -> str:
    """Return the tag of a reaction."""
    return f"{REACT}={writer.escape(text)}"


def said(log_id: str, post: Entry, place: str, sees: Sees, is_bot: bool = False) -> bytes:
    """Return the lines of a post for those who hear it at ``place``; none if it was taken back. ``is_bot``:
    its author has said that they are a bot."""
    if not post.text:
        return b""
    source = sees.faces.source(post.user)
    target, context = target_of(post, place, sees.faces)
    if is_reaction(post):
        if not sees.tags.every:
            return b""
        more = f"{reaction(post.text)};{_more_tags(post, context)}"
        tags = tags_of(log_id, post, sees.tags, is_bot, more)
        return writer.line(source, "TAGMSG", target, tags=tags)
    form = "" if post.more is None else post.more.form
    text, (head, room) = post.text, _head_and_room(source, form, target)
    tags = tags_of(log_id, post, sees.tags, is_bot, _more_tags(post, context))
    if context and not sees.tags.every:
        text = f"[{context}] {text}"
    parts = texts.outgoing(text, room)
    if sees.tags.multiline and (len(parts) > 1 or "\n" in text):
        pieces = texts.multiline(text, room)
        return _in_batch(
            source,
            post,
            target,
            tags,
            [_line(head, form, one.text, _marks(post, one.goes_on)) for one in pieces],
        )
    if len(parts) == 1:
        return _line(head, form, parts[0], tags)
    others = tags_of_others(post, sees.tags, is_bot)  # only the first line has the id
    return b"".join([_line(head, form, part, others if at else tags) for at, part in enumerate(parts)])


def tags_of_others(post: Entry, tags: TagClass, is_bot: bool) -> str:
    """Return the tags of the lines behind the first of a post that needs several."""
    return tags.tags(times.shown(post.time), account=account_of(post.user), more=BOT if is_bot else "")


def _line(head: str, form: str, text: str, tags: str) -> bytes:
    shown = texts.action(text) if form == "action" else text
    line = f"@{tags} {head}{shown}" if tags else f"{head}{shown}"
    if "\n" in line or "\r" in line or "\0" in line:
        raise ValueError(f"not one line: {line!r}")
    return f"{line}\r\n".encode()


def _marks(post: Entry, goes_on: bool) -> str:
    mark = f"batch={_reference(post)}"
    return f"{mark};{CONCAT}" if goes_on else mark


def _reference(post: Entry) -> str:
    return f"m{in_base_36(post.seq)}"


def _in_batch(name: str, post: Entry, target: str, tags: str, lines: list[bytes]) -> bytes:
    """Return a long post as a batch of its lines."""
    reference = _reference(post)
    begin = writer.line(name, "BATCH", f"+{reference}", MULTILINE, target, tags=tags)
    return b"".join((begin, *lines, writer.line(name, "BATCH", f"-{reference}")))
