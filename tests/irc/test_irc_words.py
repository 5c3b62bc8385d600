"""HELP has all commands, and every sentence fits into a line."""

from __future__ import annotations

from chatnet.irc import words


def test_help_lists_what_there_is_help_on() -> None:
    """Modern IRC: HELP alone, or HELP INDEX, says on what there is help; a topic is asked for in any case."""
    found = words.topic_of_help("")
    assert found is not None
    assert found == words.topic_of_help("index")
    topics = " ".join(found[1][1:]).split()
    assert topics == sorted(topics)
    for topic in topics:
        explained = words.topic_of_help(topic.lower())
        assert explained is not None
        assert explained[0] == topic
        assert topic in ("ACCOUNTS", "CHANNELS") or explained[1][0].startswith(topic)


def test_what_there_is_no_help_on() -> None:
    """Modern IRC: that is 524."""
    assert words.topic_of_help("nothing") is None


def test_sentences_fit_into_lines() -> None:
    index = words.topic_of_help("")
    assert index is not None
    all_of_them = [
        *words.INFO,
        *index[1],
        *(line for lines in words._HELP.values() for line in lines),
    ]
    assert all(0 < len(line) <= 110 and "\n" not in line for line in all_of_them)
