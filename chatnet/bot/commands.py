"""What both faces of a bot make of their arguments: the commands, as they are asked. Pure."""

from __future__ import annotations

from typing import Any

from chatnet.bot.conversation import Ask, Conversation
from chatnet.bot.messages import Cursor, Post


def post(
    conversation: Conversation,
    text: str,
    room: str | None,
    key: str | None,
    ref: Post | Cursor | None,
    form: str | None,
) -> Ask:
    """Return the draft of a post."""
    seq, check = (None, None) if ref is None else (ref.seq, ref.check)
    return conversation.draft("post", key, text=text, room=room, ref=seq, check=check, form=form)


def answer(
    conversation: Conversation, to: Post, text: str, room: str | None, form: str | None, as_reply: bool
) -> Ask:
    """Return the draft of an answer to a post: where that was said, unless it says another room."""
    where = to.where(conversation.user) if room is None else room
    return post(conversation, text, where, None, to if as_reply else None, form)


def question(command: str, arguments: dict[str, Any]) -> Ask:
    """Return a question."""
    return Ask({"t": command, **{name: value for name, value in arguments.items() if value is not None}})
