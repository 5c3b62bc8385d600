"""By what a password is recognized that was right before: one for each user, of the newest, and bounded."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from chatnet.credentials import imprinted, password_credential
from chatnet.errors import BadSecret
from chatnet.imprints import IMPRINT_BYTES, MOST_IMPRINTS, MOST_PIECES, MOST_TOLD, Imprint, Imprints
from chatnet.limits import Cost

KEY, CHEAP = b"k" * 32, Cost(1, 8, 1)


def imprint(user: str, secret_seq: int = 1, value: bytes = b"v") -> Imprint:
    return Imprint(user, secret_seq, value * IMPRINT_BYTES)


class Room(NamedTuple):
    """A link."""

    full: bool = False


class Filling:
    """A link that is full after some pieces."""

    def __init__(self, pieces: int) -> None:
        self.pieces: list[int] = []
        self._most = pieces

    @property
    def full(self) -> bool:
        return len(self.pieces) >= self._most


def told(imprints: Imprints, place: int) -> tuple[list[str], int]:
    """Return of whose imprints somebody is told who was told up to this place, and the next place."""
    users: list[str] = []
    place = imprints.tell(place, Room(), lambda some: users.extend(one.user for one in some))
    return users, place


def test_it_is_of_one_password_one_credential_and_one_key() -> None:
    """However the password was typed. Without the key nobody can even guess."""
    credential = password_credential("crème brûlée".encode(), b"k" * 16, CHEAP)
    other = password_credential("crème brûlée".encode(), b"l" * 16, CHEAP)
    made = imprinted(credential, "crème brûlée".encode(), KEY)
    assert len(made) == IMPRINT_BYTES
    assert imprinted(credential, "cre\u0300me\u00a0bru\u0302le\u0301e".encode(), KEY) == made
    others = {
        imprinted(other, "crème brûlée".encode(), KEY),
        imprinted(credential, b"creme brulee", KEY),
        imprinted(credential, "crème brûlée".encode(), b"l" * 32),
    }
    assert len(others - {made}) == 3
    with pytest.raises(BadSecret):
        imprinted(credential, b"short", KEY)


def test_it_is_shown_without_its_value() -> None:
    """Whatever fails and is logged."""
    assert repr(imprint("alice")) == f"{imprint('alice')}" == "<an imprint of alice>"


def test_each_user_has_the_one_of_their_newest_secret() -> None:
    """Whatever is told later of an older one; what is known already is no news."""
    imprints = Imprints()
    for one in (imprint("alice", 7), imprint("alice", 5, b"o"), imprint("alice", 7)):
        imprints.add(one)
    assert (imprints.of("alice"), imprints.of("bob"), imprints.last) == (imprint("alice", 7), None, 1)
    imprints.add(imprint("alice", 9, b"n"))
    assert (imprints.of("alice"), len(imprints)) == (imprint("alice", 9, b"n"), 1)


def test_the_oldest_go() -> None:
    imprints = Imprints()
    for number in range(MOST_IMPRINTS):
        imprints.add(imprint(f"user{number}"))
    imprints.add(imprint("user0", 2))
    imprints.add(imprint("alice"))
    assert len(imprints) == MOST_IMPRINTS
    assert imprints.of("user1") is None
    assert imprints.of("user0") == imprint("user0", 2)


def test_who_was_told_up_to_a_place_is_told_the_rest_once() -> None:
    """Each user as they are by then."""
    imprints = Imprints()
    for user in ("alice", "bob", "carol"):
        imprints.add(imprint(user))
    users, place = told(imprints, 0)
    assert users == ["alice", "bob", "carol"]
    assert told(imprints, place) == ([], place)
    for one in (imprint("alice", 2), imprint("dan"), imprint("alice", 3)):
        imprints.add(one)
    assert told(imprints, place)[0] == ["dan", "alice"]
    assert told(imprints, 0)[0] == ["bob", "carol", "dan", "alice"]


def test_many_are_told_in_pieces_while_there_is_room() -> None:
    imprints = Imprints()
    for number in range(MOST_IMPRINTS):
        imprints.add(imprint(f"user{number}"))
    link = Filling(2)
    place = imprints.tell(0, link, lambda some: link.pieces.append(len(some)))
    assert link.pieces == [MOST_TOLD] * 2
    assert imprints.tell(place, link, lambda some: link.pieces.append(len(some))) == place
    users, place = told(imprints, place)
    assert len(users) == MOST_PIECES * MOST_TOLD
    assert users[0] == f"user{2 * MOST_TOLD}"
    while place != imprints.last:
        some, place = told(imprints, place)
        users += some
    assert users == [f"user{number}" for number in range(2 * MOST_TOLD, MOST_IMPRINTS)]
