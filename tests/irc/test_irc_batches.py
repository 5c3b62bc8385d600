"""A client's long post is put together of its lines, or refused as the document of multiline says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.irc import writer
from chatnet.irc.batches import (
    CONCAT,
    MOST_LINES,
    MOST_TEXT_BYTES,
    MULTILINE,
    Failed,
    Multiline,
    Names,
    Whole,
)
from chatnet.irc.lines import Line, Splitter
from chatnet.irc.texts import multiline


def lines(text: str) -> list[Line]:
    """Return the lines in a text."""
    splitter = Splitter()
    splitter.feed(text.encode() + b"\n")
    found = []
    while (one := splitter.next()) is not None:
        assert isinstance(one, Line)
        found.append(one)
    return found


def said(text: str) -> list[Whole | Failed]:
    """Return what a client is answered that says these lines."""
    batch = Multiline()
    answers = [batch.said(line) for line in lines(text)]
    return [answer for answer in answers if answer is not None]


def refused(text: str) -> tuple[str, ...]:
    """Return the only answer, without its sentence."""
    [failed] = said(text)
    assert isinstance(failed, Failed)
    writer.line("irc.example.org", *failed.words(), trailing=True)
    return failed.words()[2:-1]


# ---- well formed ----


def test_lines_are_joined() -> None:
    """Multiline: by a line feed, but for a line with the tag concat, which goes on with the one before."""
    text = f"""@label=7;+draft/reply=x BATCH +1 {MULTILINE} #Tea
@batch=1 PRIVMSG #tea hello
@batch=1 PRIVMSG #TEA :
@batch=1 privmsg #tea :how is\x20
@batch=1;{CONCAT} PRIVMSG #tea :everyone?
BATCH -1"""
    tags = {"label": "7", "+draft/reply": "x"}
    assert said(text) == [Whole("PRIVMSG", "#Tea", "hello\n\nhow is everyone?", tags, "7")]
    assert said(text.replace("PRIVMSG", "NOTICE").replace("privmsg", "NOTICE"))[0].command == "NOTICE"  # type: ignore[union-attr]


@given(st.text(st.sampled_from("ab ä😀\n"), min_size=1, max_size=300).filter(lambda text: text.strip("\n")))
def test_what_is_sent_in_pieces_arrives(text: str) -> None:
    """Our own lines of a batch are those that are read here."""
    pieces = multiline(text, 60)
    if len(pieces) > MOST_LINES:
        return
    batch = Multiline()
    batch.said(Line({}, "BATCH", ("+1", MULTILINE, "#tea")))
    for piece in pieces:
        tags = {"batch": "1"} | ({CONCAT: ""} if piece.goes_on else {})
        assert batch.said(Line(tags, "PRIVMSG", ("#tea", piece.text))) is None
    assert batch.said(Line({}, "BATCH", ("-1",))) == Whole("PRIVMSG", "#tea", text, {}, "")


def test_one_batch_follows_another() -> None:
    one = f"BATCH +1 {MULTILINE} #tea\n@batch=1 PRIVMSG #tea a\nBATCH -1\n"
    assert [answer.text for answer in said(one * 3) if isinstance(answer, Whole)] == ["a"] * 3


# ---- refused ----

OPEN = f"@label=7 BATCH +1 {MULTILINE} #tea\n"
LINE = "@batch=1 PRIVMSG #tea a\n"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (OPEN + "@batch=1 PRIVMSG #milk a\nBATCH -1", ("MULTILINE_INVALID_TARGET", "#tea", "#milk")),
        (OPEN + "@batch=1 PRIVMSG\nBATCH -1", ("MULTILINE_INVALID_TARGET", "#tea", "*")),
        (OPEN + LINE * (MOST_LINES + 1) + "BATCH -1", ("MULTILINE_MAX_LINES", str(MOST_LINES))),
        (
            OPEN + f"@batch=1 PRIVMSG #tea {'é' * 240}\n" * 17 + "BATCH -1",
            ("MULTILINE_MAX_BYTES", str(MOST_TEXT_BYTES)),
        ),
        (OPEN + LINE + f"@batch=1;{CONCAT} PRIVMSG #tea :\nBATCH -1", ("MULTILINE_INVALID",)),
        (OPEN + "@batch=1 PRIVMSG #tea :\n" * 2 + "BATCH -1", ("MULTILINE_INVALID",)),
        (OPEN + "BATCH -1", ("MULTILINE_INVALID",)),
        (OPEN + LINE + "@batch=1 NOTICE #tea a\nBATCH -1", ("MULTILINE_INVALID",)),
        (OPEN + LINE + "@batch=1 TAGMSG #tea\nBATCH -1", ("MULTILINE_INVALID",)),
        (OPEN + LINE + "@batch=2 PRIVMSG #tea a", ("MULTILINE_INVALID",)),
        (OPEN + f"BATCH +2 {MULTILINE} #tea", ("MULTILINE_INVALID",)),
        (f"@batch=0 BATCH +1 {MULTILINE} #tea", ("MULTILINE_INVALID",)),
        (f"BATCH +1 {MULTILINE}\n{LINE}BATCH -1", ("MULTILINE_INVALID",)),
        ("BATCH -1", ("MULTILINE_INVALID",)),
        (LINE, ("MULTILINE_INVALID",)),
        ("BATCH +1 chathistory #tea\n" + LINE + "BATCH -1", ("UNKNOWN_TYPE", "1", "chathistory")),
        ("BATCH +1", ("UNKNOWN_TYPE", "1")),
        (f"BATCH +ä {MULTILINE} #tea", ("INVALID_REFTAG", "ä")),
        (f"BATCH + {MULTILINE} #tea", ("INVALID_REFTAG", "*")),
        (f"BATCH 1 {MULTILINE} #tea", ("INVALID_REFTAG", "*")),
        ("BATCH", ("NEED_MORE_PARAMS",)),
    ],
)
def test_what_is_wrong_is_refused_once(text: str, answer: tuple[str, ...]) -> None:
    """Multiline and client batches: a FAIL with its code, and all other lines of that batch are ignored."""
    assert refused(text) == answer


def test_a_refusal_has_the_label_of_the_beginning() -> None:
    """Labeled-response: that is the one line of a batch which has a label."""
    [failed] = said(OPEN + "@batch=1 PRIVMSG #milk a\nBATCH -1")
    assert failed.label == "7"


def test_what_is_just_small_enough() -> None:
    """Multiline: the line feeds between lines count as bytes."""
    assert isinstance(said(OPEN + LINE * MOST_LINES + "BATCH -1")[0], Whole)
    full = OPEN + f"@batch=1 PRIVMSG #tea {'x' * 399}\n" * 20
    rest = "@batch=1;{} PRIVMSG #tea {}\nBATCH -1"
    [whole] = said(full + rest.format(CONCAT, "x"))
    assert isinstance(whole, Whole)
    assert len(whole.text) == MOST_TEXT_BYTES
    assert refused(full + rest.format(CONCAT, "xx")) == ("MULTILINE_MAX_BYTES", str(MOST_TEXT_BYTES))
    assert refused(full + rest.format("a", "x")) == ("MULTILINE_MAX_BYTES", str(MOST_TEXT_BYTES))


def test_after_a_refusal_a_batch_of_the_same_name_may_begin() -> None:
    wrong, right = OPEN + "@batch=1 PRIVMSG #milk a\nBATCH -1\n", OPEN + LINE + "BATCH -1"
    assert isinstance(said(wrong + right)[1], Whole)
    assert isinstance(said(wrong.replace("BATCH -1\n", "") + right)[1], Whole)


_SAID = st.lists(
    st.sampled_from(
        [
            OPEN,
            LINE,
            "BATCH -1\n",
            "BATCH +2 x\n",
            "BATCH -2\n",
            "@batch=2 PRIVMSG #tea b\n",
            "@batch NOTICE\n",
        ]
    ),
    max_size=12,
)


@given(_SAID)
def test_whatever_is_said_the_next_batch_is_read(pieces: list[str]) -> None:
    """No confusion of a client lasts longer than the batch in which it was."""
    before = said("".join(pieces))
    after = said(
        "".join(pieces) + f"\nBATCH -1\nBATCH +3 {MULTILINE} #tea\n@batch=3 PRIVMSG #tea a\nBATCH -3"
    )
    assert after[: len(before)] == before
    assert after[-1] == Whole("PRIVMSG", "#tea", "a", {}, "")


def test_our_batches_have_names_of_their_own() -> None:
    """Batch: a name is of letters, digits and hyphens, and no two open ones have the same."""
    names = Names()
    fresh = [names.fresh() for _ in range(3_000)]
    assert len(set(fresh)) == 3_000
    assert all(name.isascii() and name.isalnum() for name in fresh)
