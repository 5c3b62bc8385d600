"""A room is named one way on IRC, and what IRC names is one room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.irc.targets import Nick, Private, Target, Topic, UsersRoom, channel_of, room_of
from chatnet.names import is_name, is_room, talk


@pytest.mark.parametrize(
    ("room", "target", "found"),
    [
        ("#tea", "#tea", Topic("#tea")),
        ("#ärger", "#ärger", Topic("#ärger")),
        ("alice", "#@alice", UsersRoom("alice")),
        ("bob", "#@bob", UsersRoom("bob")),
        ("&ops", "&ops", Private("&ops")),
        ("alice=bob", "bob", Nick("bob")),
        ("alice=alf", "alf", Nick("alf")),
    ],
)
def test_rooms_and_their_names(room: str, target: str, found: Target) -> None:
    """A topic and a private room keep theirs, a user's room has one that no topic can have, and who one talks
    with is a nick."""
    assert channel_of(room, "alice") == target
    assert room_of(target) == found


def test_the_spelling_is_the_clusters() -> None:
    """CASEMAPPING=ascii folds ASCII alone, and chatnet more: so all lines of ours have the one spelling."""
    assert room_of("#ÄRGER") == room_of("#A\u0308rger") == Topic("#ärger")
    assert room_of("#@Alice") == UsersRoom("alice")
    assert room_of("ALICE") == Nick("alice")
    assert room_of("&Ops") == Private("&ops")


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "#", "&", "#@", "@", "@bob", "@#tea", "+#tea", "#@@bob", "#a b", "#a,b", "#@a=b", "alice=bob"),
        *("bob!bob@user", "bob@user", "$$*", "*", "~bob", "[bob]", "#" + "x" * 65, "x" * 33, "root", "#_a"),
        "x" * 5_000,
    ],
)
def test_what_nothing_can_be_called(wrong: str) -> None:
    assert room_of(wrong) is None


def test_what_is_nothing_of_a_user() -> None:
    assert channel_of("bob=carol", "alice") is None
    assert channel_of("", "alice") is None


def test_guests_have_the_nick_behind_their_mark() -> None:
    """They are kept as ``~bob``, which nobody registered can be called, and shown as ``bob``."""
    assert channel_of("alice=~bob", "alice") == "bob"
    assert channel_of("alice=~bob", "~bob") == "alice"


@given(st.text(max_size=70))
def test_what_is_found_has_its_name_again(target: str) -> None:
    for spelled in (target, "#" + target, "&" + target, "#@" + target):
        found = room_of(spelled)
        if isinstance(found, Nick):
            assert is_name(found.name)
            assert found.name == "me" or channel_of(talk("me", found.name), "me") == found.name
        elif found is not None:
            assert is_room(found.room)
            again = channel_of(found.room, "me")
            assert again is not None
            assert room_of(again) == found
