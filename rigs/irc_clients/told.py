"""The settings that docs/irc.md tells users of a client: the clients here have these."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "irc.md"


@cache
def _text() -> str:
    return DOCUMENT.read_text()


def told(client: str, words: Mapping[str, str]) -> list[str]:
    """Return the lines under the client's name, with ``words`` of the document replaced.

    :raises LookupError: the document does not have one of these words there, or no such lines at all.
    """
    found = re.search(rf"^\*\*{client}\*\*.*\n\n((?:    .*\n)+)", _text(), re.MULTILINE)
    if found is None:
        raise LookupError(f"docs/irc.md has no settings of {client}")
    lines = re.sub("^    ", "", found[1].strip("\n"), flags=re.MULTILINE)
    for word, ours in words.items():
        if word not in lines:
            raise LookupError(f"docs/irc.md says nothing of {word!r} to users of {client}")
        lines = lines.replace(word, ours)
    return lines.splitlines()


def without_authority(client: str) -> str:
    """Return what the document says a client needs if no authority vouches for the cluster's certificate."""
    found = re.search(rf"^\| {client} \| [^|`]*`([^`]*)`", _text(), re.MULTILINE)
    if found is None:
        raise LookupError(f"docs/irc.md does not say how {client} takes a certificate of nobody's")
    return found[1]
