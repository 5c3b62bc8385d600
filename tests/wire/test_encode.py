"""Boxes that are made by hand are those that AMP would make, so any client reads them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.protocols import amp

from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.limits import PAGE
from chatnet.wire import encode
from chatnet.wire.arguments import MAX_VALUE
from chatnet.wire.common import Ping
from chatnet.wire.log import Committed
from chatnet.wire.session import Deliver

EPOCH = 7


def post(seq: int, text: str = "hello") -> Entry:
    return Entry(seq, 0, "post", "alice", "alice", text, b"%016d" % seq)


def of_amp(command: type[amp.Command], **arguments: Any) -> bytes:
    """Return the box as Twisted makes it."""
    return amp.AmpBox(_command=command.commandName, **_strings(command, arguments)).serialize()


def _strings(command: type[amp.Command], arguments: dict[str, Any]) -> dict[str, bytes]:
    box = command.makeArguments(arguments, None)
    return {key.decode(): value for key, value in box.items()}


def test_posts_are_delivered_as_amp_would() -> None:
    """Each post has a box, in order; this holds for the longest ones, too."""
    posts = [post(1), post(2, "é" * 2000), post(3, "😀" * 2000)]
    assert encode.deliver(posts) == b"".join(of_amp(Deliver, entry=one) for one in posts)


def test_a_ping_is_as_amp_would_send_it() -> None:
    """This holds with a cursor up to which there is nothing, however large, and without one."""
    assert of_amp(Ping) == encode.PING
    for seq in (0, 9, 10, (1 << 63) - 1):
        box = {"seq": seq, "check": b"8 bytes."}
        (ping,) = amp.parseString(encode.ping(Cursor(seq, b"8 bytes.")))
        assert ping.pop(amp.COMMAND) == b"Ping"
        assert Ping.parseArguments(ping, None) == box


@given(st.lists(st.text(max_size=2000), min_size=1, max_size=60))
def test_every_push_fits_an_amp_value_and_all_of_them_hold_all(texts: list[str]) -> None:
    """Entries come in order, each once, in blobs of at most a page, with the epoch."""
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    entries = [post(seq, text) for seq, text in enumerate(texts * 4, start=1)]
    found: list[Entry] = []
    for data in encode.committed(EPOCH, entries, PAGE.bytes):
        (box,) = amp.parseString(data)
        assert len(box[b"entries"]) <= PAGE.bytes <= MAX_VALUE
        values: Any = Committed.parseArguments(box, None)
        assert values["epoch"] == EPOCH
        assert data == of_amp(Committed, **values)
        found += values["entries"]
    assert found == entries
