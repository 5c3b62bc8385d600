"""Which posts a client can name: those that it has seen last."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chatnet.client.feed import Feed, Unbelievable
from chatnet.client.remembered import MOST_REMEMBERED
from chatnet.cursor import Cursor
from chatnet.entries import Entry, More
from chatnet.names import MAX_USER


def post(seq: int) -> Entry:
    return Entry(seq, 0, "post", "bob", "bob", "hi", b"%016d" % seq)


def test_the_posts_that_were_seen_last_are_remembered() -> None:
    """Seen again, a post counts as seen last; what is no post is not remembered."""
    feed = Feed()
    feed.log_id = "log"
    for seq in [*range(1, MOST_REMEMBERED + 1), 1, MOST_REMEMBERED + 1]:
        feed.saw(post(seq))
    feed.saw(replace(post(MOST_REMEMBERED + 2), kind="remove"))
    known = feed.remembered
    assert (known.check_of(1), known.author_of(1)) == (Cursor.at("log", post(1)).check, "bob")
    for seq in (2, MOST_REMEMBERED + 2):
        assert (known.check_of(seq), known.author_of(seq)) == (None, "")


def test_an_event_for_a_name_that_nobody_can_have_is_not_believed() -> None:
    """It would be shown."""
    feed = Feed()
    feed.begin()
    event = replace(post(1), kind="invite", more=More(to="b" * MAX_USER))
    feed.take(event)
    with pytest.raises(Unbelievable, match="an event for nobody"):
        feed.take(replace(event, seq=2, more=More(to="b" * (MAX_USER + 1))))
