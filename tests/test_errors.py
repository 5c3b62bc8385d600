"""Errors are told in sentences for people, even if the other end made part of them."""

from __future__ import annotations

import pytest
from test_protocol_document import every_error

from chatnet.errors import ChatnetError, NoSuchHost, NotAllowed


@pytest.mark.parametrize(
    "said", ["\x1b[2J\x1b]0;owned\x07", "a\nb\r", "\u202etxt", "\0", "\uffff", "x" * 70_000]
)
def test_what_others_said_is_legible(said: str) -> None:
    """It is on one line, of readable length, without anything that a terminal would obey."""
    for error in (NotAllowed.of(command=said, hint="go"), NoSuchHost.of(host=said)):
        assert str(error).isprintable()
        assert len(str(error)) < 500


def test_what_can_be_read_stays() -> None:
    """This holds in every script."""
    for host in ("größe", "हिन्दी", "עִבְרִית", "😀"):
        assert f"on {host}:" in str(NoSuchHost.of(host=host))


@pytest.mark.parametrize("error", every_error(ChatnetError), ids=lambda error: error.__name__)
def test_no_sentence_of_ours_is_changed(error: type[ChatnetError]) -> None:
    """They are legible unchanged."""
    assert error.sentence.isprintable()
