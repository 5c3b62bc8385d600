"""The sentence of a refusal is true wherever it is said: in every kind of room, whoever it is about."""

from __future__ import annotations

import re

import pytest

from chatnet.entries import Draft, More, Ref
from chatnet.errors import BadRoom, OwnRoom, Refusal
from chatnet.form import check_form
from chatnet.kinds import KINDS
from chatnet.names import Where, fold_for, fold_room
from chatnet.rules import CASES, refusal

ROOMS = {
    Where.OWN: "alice",
    Where.USER: "bob",
    Where.TOPIC: "#tea",
    Where.PRIVATE: "&ops",
    Where.TALK: "alice=bob",
    Where.CLUSTER: "",
}
KEY = b"k" * 16
SAID = [
    (case.error, kind, room)
    for case in CASES
    for kind in case.kinds
    for room in case.rooms
    if room in KINDS[kind].rooms
]


def draft(kind: str, room: Where) -> Draft:
    more = More(to="bob", ref=Ref(1, b"c" * 8))
    return Draft(kind, "alice", ROOMS[room], "", KEY, 0, more)


@pytest.mark.parametrize(("error", "kind", "room"), sorted(set(SAID), key=str))
def test_a_sentence_is_whole(error: type[Refusal], kind: str, room: Where) -> None:
    """Nothing in it is empty, as the name of a room is where all of the server is meant."""
    sentence = str(refusal(error, draft(kind, room)))
    assert re.fullmatch(r"[A-Za-z&#].*[.]", sentence)
    assert not re.search(r"  | [.:,]|[{}]|=", sentence)


def test_what_holds_everywhere_names_the_server() -> None:
    """A role in the cluster for somebody who is banned from it."""
    [error] = {error for error, kind, room in SAID if kind == "role" and error.code == b"THEY_ARE_BANNED"}
    said = str(refusal(error, draft("role", Where.CLUSTER)))
    assert said == "bob is banned from this server: lift that first, with UNBAN."


@pytest.mark.parametrize(
    "error",
    sorted({error for error, *_ in SAID}, key=str),
    ids=lambda error: error.code.decode(),
)
def test_a_sentence_says_nothing_of_who_else_is_there(error: type[Refusal]) -> None:
    """A refusal comes in several states: with others in the room and without, with owners and without."""
    assert not re.search(r"others are|nobody else|are there|the room do", error.sentence)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].keeps_refusals])
@pytest.mark.parametrize("room", [room for room in Where if room is not Where.TALK])
def test_a_room_where_something_is_not_done_is_not_said_to_be_none(kind: str, room: Where) -> None:
    """It is one, and the sentence says where that is done."""
    if KINDS[kind].rooms in ({Where.OWN}, {Where.CLUSTER}) or KINDS[kind].is_said:
        return
    said = ""
    try:
        check_form(draft(kind, room))
    except BadRoom as error:
        said = str(error)
    except (Refusal, ValueError):
        pass  # the text of such a draft is another matter
    misplaced = re.fullmatch(r"That is not done in (“.+”|all of this server), but in .+\.", said)
    assert (misplaced is None) is (room in KINDS[kind].rooms)


def test_a_conversation_is_a_room_in_which_much_is_not_done() -> None:
    """It is not joined or described; and nobody has one with themselves."""
    with pytest.raises(BadRoom, match="“@bob” is a conversation, and that is not done in one"):
        fold_room("@bob")
    with pytest.raises(BadRoom, match="“@b b” is not a room here"):
        fold_room("@b b")
    with pytest.raises(OwnRoom, match="a conversation with yourself"):
        fold_for("@alice", "alice")
