"""What the two faces of a bot have in common: all but how one waits."""

from __future__ import annotations

import json
import logging
import os
import time
from typing import Any

from websockets.exceptions import InvalidStatus

from chatnet.bot import commands
from chatnet.bot.conversation import Ask, Begun, Conversation, Event, Missing, Moved, PutBack
from chatnet.bot.errors import BotError, LoggedOut, NotOpen, Refused
from chatnet.bot.kept import keeping
from chatnet.bot.messages import Post
from chatnet.bot.place import KEEP_SECONDS, OPEN_SECONDS, PATIENCE_SECONDS, PING_SECONDS, socket_url

MOST_BYTES = 4 * 1024 * 1024
"""The longest message that is taken."""
_FINAL = frozenset({400, 401, 403, 404, 421, 426})
"""What is answered when it is of no use to try again, by the cluster, or by whatever else is there."""
_logger = logging.getLogger("chatnet.bot")


class Face:
    """A bot, logged in by a ``token``: used inside of its ``with``.

    It connects when it first has to, and again and again when the connection is lost. ``state`` is a file of
    its own: with it, a bot that is killed misses nothing, and says nothing twice. Without it, the bot hears
    what is said from its start on. What it has to say stands in that file until it is on the cluster's disks;
    only its owner can read it. ``insecure``: without TLS to another machine, where the token can be read on
    the way.
    """

    def __init__(
        self, url: str, token: str, state: str | os.PathLike[str] | None = None, insecure: bool = False
    ) -> None:
        self._url = socket_url(url, insecure)
        self._token = token
        self._file = keeping(state)
        self._conversation: Conversation | None = None
        self._kept_at = 0.0
        self._attempts = 0
        self._loop: object = None

    @property
    def name(self) -> str:
        """The user that it is; empty before it is connected for the first time."""
        return self._talk.user

    def answer(
        self,
        post: Post,
        text: str,
        room: str | None = None,
        *,
        form: str | None = None,
        as_reply: bool = False,
    ) -> None:
        """Say ``text`` once the loop goes on: where ``post`` was said, or in ``room``.

        That ``post`` is handled and that this is to be said is kept in one write: so it is said once,
        wherever the bot is killed. ``form``: “notice”, which no other bot should answer, or “action”;
        ``as_reply``: it refers to that post. If the cluster refuses it, that is logged.
        """
        self._talk.answer(post, commands.answer(self._talk, post, text, room, form, as_reply))

    @property
    def _talk(self) -> Conversation:
        if self._conversation is None:
            raise NotOpen("A bot is used inside of its “with”.")
        return self._conversation

    def _begin(self) -> Conversation:
        self._conversation = Conversation(self._file.open(), time.time, os.urandom)
        return self._conversation

    def _end(self) -> None:
        self._talk.let_go()
        try:
            self._keep()
        finally:
            self._file.close()

    def _keep(self, *also: Ask) -> None:
        self._kept_at = time.monotonic()
        self._file.write(self._talk.kept(*also))

    def _begin_loop(self, loop: object) -> None:
        """Give what is heard to ``loop`` from now on; what an earlier one has not handled comes again."""
        self._loop = loop
        self._talk.let_go()

    def _handled(self, loop: object, given: Post | None) -> None:
        """Keep that the entry which ``loop`` was given is handled.

        :raises BotError: another loop has begun, which is given that entry as well.
        """
        talk = self._talk
        if loop is not self._loop:
            raise BotError("Another loop over what this bot hears has begun: there is one at a time.")
        if given is not None and talk.in_hand is given:
            self._file.write(talk.once_handled())
            talk.handled()

    def _next(self, all_kinds: bool, own: bool) -> Post | None:
        """Return the next entry for a loop; None if none is there, or too much is to be said before."""
        talk = self._talk
        while talk.has_room and (entry := talk.next()) is not None:
            if (all_kinds or entry.kind == "post") and (own or entry.user != talk.user):
                return entry
            talk.handled()
        return None

    def _note(self, event: Event) -> None:
        match event:
            case Begun(is_first=is_first):
                self._attempts = 0
                if is_first:
                    self._keep()
            case Moved():
                if time.monotonic() - self._kept_at >= KEEP_SECONDS:
                    self._keep()
            case PutBack(to=to):
                _logger.warning("The log was put back%s", "" if to is None else f" to {to.seq}")
                self._keep()
            case Missing(after=after, upto=upto):
                _logger.warning("Of what was said from %d to %d not all was sent", after + 1, upto)

    @property
    def _options(self) -> dict[str, Any]:
        """How both kinds of connections are opened."""
        return {
            "additional_headers": {"Authorization": f"Bearer {self._token}"},
            "compression": None,
            "open_timeout": OPEN_SECONDS,
            "ping_interval": PING_SECONDS,
            "ping_timeout": PATIENCE_SECONDS,
            "close_timeout": 1,
            "max_size": MOST_BYTES,
        }


def not_connected(error: Exception) -> None:
    """Log why an attempt failed, or a connection ended.

    :raises BotError: another attempt is of no use.
    """
    if isinstance(error, InvalidStatus) and error.response.status_code in _FINAL:
        raise LoggedOut(_detail(error)) from error
    _logger.info("Not connected (%s); trying again", str(error) or "the connection was closed")


def _detail(error: InvalidStatus) -> str:
    try:
        return str(json.loads(error.response.body or b"")["detail"])
    except (ValueError, LookupError, TypeError):
        return f"What is there does not let this token in (status {error.response.status_code})."


def unasked(ask: Ask) -> None:
    """Log a refusal for which nobody waits."""
    if isinstance(ask.outcome, Refused):
        _logger.warning("The cluster did not take what was to be said: %s", ask.outcome)


def gone(failure: BotError | None) -> None:
    """Raise why the bot cannot go on, if it cannot."""
    if failure is not None:
        raise failure
