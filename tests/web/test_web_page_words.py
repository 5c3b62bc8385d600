"""The sentences of the server that the page shows: none speaks of what only the terminal has."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from chatnet.client.manual import COMMANDS
from chatnet.errors import REFUSALS, BadTicket, ChatnetError, TooSlow, TryLater, Unreadable, WrongSecret

SHOWN = [*REFUSALS.values(), BadTicket, TooSlow, TryLater, Unreadable, WrongSecret]
"""What a session may be told."""
OF_THE_TERMINAL = re.compile(rf"--[a-z]|\b(?:{'|'.join(COMMANDS)})\b|chatnet ")
"""Options, commands, and those of the operator."""


def own_words() -> set[str]:
    """Return the codes for which the page has a sentence of its own."""
    words = files("chatnet").joinpath("page/words/en.js").read_text(encoding="utf-8")
    table = re.search(r"^const REFUSED = \{\n(.*?)^\};", words, re.MULTILINE | re.DOTALL)
    assert table is not None
    return {*re.findall(r"^  ([A-Z_]+):", table[1], re.MULTILINE)}


@pytest.mark.parametrize("kind", SHOWN, ids=lambda kind: kind.__name__)
def test_the_page_never_names_what_only_the_terminal_has(kind: type[ChatnetError]) -> None:
    if OF_THE_TERMINAL.search(kind.sentence):
        assert kind.code.decode() in own_words()
