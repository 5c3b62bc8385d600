"""What a worker sends to a client without being asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from chatnet.client.feed import Feed, Unbelievable
from chatnet.client.listener import Listener
from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.net.locator import Locator
from chatnet.wire.common import Ping
from chatnet.wire.session import Deliver, Ended, Marked, Membership, Moved, Rewound
from chatnet.wire.table import Speaker

REWOUND = (
    "The log was put back to {seq} by the database's fail-over: what you read behind it is gone; going on "
    "from there."
)
"""What the user is then told, once."""


class FromWorker(Locator):
    """Puts posts into ``feed``, and tells ``listener``.

    ``move`` is called when the client must go to another worker, and ``end`` with an error's code and
    sentence that say why the worker hangs up.
    """

    speaker = Speaker.SERVER
    _logger = Logger()

    def __init__(
        self, feed: Feed, listener: Listener, move: Callable[[], None], end: Callable[[str, str], None]
    ) -> None:
        self._feed = feed
        self._listener = listener
        self._move = move
        self._end = end
        self._goes_on = feed.cursor is not None  # from where another link ended: what happened between?

    @Deliver.responder
    def deliver(self, entry: Entry) -> dict[str, Any]:
        try:
            if self._feed.take(entry):
                self._listener.heard(entry)
        except Unbelievable as error:
            self._logger.warn("{peer} is given up: {why}", peer=self.link.peer(), why=str(error))
            self.link.abort()
        return {}

    @Ping.responder
    def pinged(self, seq: int | None, check: bytes | None) -> dict[str, Any]:
        cursor = Cursor.received(seq, check)
        if cursor is not None:
            self._feed.nothing_up_to(cursor)
            if self._goes_on:
                self._goes_on = False
                self._listener.must_recount()
        return {}

    @Rewound.responder
    def rewound(self, seq: int, check: bytes) -> dict[str, Any]:
        if self._feed.rewound(Cursor(seq, check)):
            self._listener.told(REWOUND.format(seq=seq))
        return {}

    @Marked.responder
    def marked(self, room: str, seq: int) -> dict[str, Any]:
        self._listener.marked(room, seq)
        return {}

    @Membership.responder
    def membership(self, room: str, seq: int, joined: bool) -> dict[str, Any]:
        if room:
            self._listener.stay_changed(room, seq, joined)
        else:
            self._listener.must_recount()
        return {}

    @Moved.responder
    def moved(self) -> dict[str, Any]:
        self._move()
        return {}

    @Ended.responder
    def ended(self, code: str, sentence: str) -> dict[str, Any]:
        self._end(code, sentence)
        return {}
