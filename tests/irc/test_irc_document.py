"""docs/irc.md says what the code does, as far as numbers and names go."""

from __future__ import annotations

import re
from pathlib import Path

from chatnet.irc import batches, isupport, lines, writer
from chatnet.irc.caps import CAPABILITIES
from chatnet.names import MAX_NAME, MAX_ROOM

TEXT = (Path(__file__).parents[2] / "docs" / "irc.md").read_text()


def test_the_table_has_all_capabilities() -> None:
    """In the order in which they are offered, with their values."""
    rows = re.findall(r"^\| `([a-z./-]+)` \|([^|]*)\|", TEXT, re.MULTILINE)
    values = {name: value.strip(" `") for name, value in rows}
    assert list(values) == list(CAPABILITIES)
    assert {**values, "sts": ""} == CAPABILITIES


def test_limits() -> None:
    for limit in (
        f"| {lines.MOST_BYTES + 2} bytes, and {lines.MOST_TAG_BYTES:,} of tags |",
        f"| {MAX_NAME}; {MAX_ROOM} characters |",
        f"| {lines.MOST_LABEL_BYTES} bytes |",
        f"| targets of a PRIVMSG | {isupport.MOST_TARGETS} |",
        f"| {isupport.MOST_TOPIC}; {isupport.MOST_REASON}; {isupport.MOST_AWAY} characters, ",
        f"| a real name | {isupport.MOST_REAL_NAME} characters",
        f"is whole up to {writer.MOST_WORD} bytes",
        f"| MONITOR | {isupport.MOST_MONITORED} |",
        f"| CHATHISTORY | {isupport.MOST_HISTORY:,} |",
        f"up to {batches.MOST_LINES} lines and {batches.MOST_TEXT_BYTES:,} bytes",
    ):
        assert limit in TEXT


def test_which_tags_go_on() -> None:
    said = TEXT.partition("go on to others:")[2].partition("(`CLIENTTAGDENY`)")[0]
    assert tuple(re.findall("`(.*?)`", said)) == isupport.RELAYED


def test_the_contents_lead_somewhere() -> None:
    """Each line of the list has its section, in this order."""
    listed = re.findall(r"^- \[(.*?)\]\(#(.*?)\)$", TEXT, re.MULTILINE)
    sections = re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
    assert [name for name, _ in listed] == sections
    for name, anchor in listed:
        assert anchor == re.sub("[^a-z0-9 -]", "", name.lower()).replace(" ", "-")
