"""``chatnet user list``: what it prints, for people and for programs, and how it asks for pages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred

from chatnet.net.link import Link
from chatnet.operator.users import Listing, list_users
from chatnet.reads import UserFacts, UserPage
from chatnet.rules import FOR_EVER
from chatnet.wire.operate import ListUsers

MINUTE = 60_000
WORLD: Any = SimpleNamespace(local=lambda seconds: datetime.fromtimestamp(seconds, UTC))
USERS = [
    UserFacts("alice", "admin", MINUTE, 3 * MINUTE, 0, 0, False),
    UserFacts("b" * 32, "", MINUTE, 0, 0, 0, False),
    UserFacts("carol", "moderator", MINUTE, MINUTE, 2 * MINUTE, FOR_EVER, True),
    UserFacts("dora", "", MINUTE, MINUTE, 1 << 62, 0, False),
]


class Primary:
    """It has these users, and tells two at a time."""

    def __init__(self, users: list[UserFacts]) -> None:
        self.users = users
        self.asked: list[str] = []

    async def callRemote(self, command: Any, prefix: str, after: str) -> dict[str, Any]:
        assert command is ListUsers
        self.asked.append(after)
        left = [one for one in self.users if one.name.startswith(prefix) and one.name > after]
        return {"users": UserPage(left[:2], len(left) > 2)}


def lines(listing: Listing, users: list[UserFacts]) -> list[str]:
    """Return what is printed."""
    found: list[str] = []

    async def read(asked: AsyncIterator[str]) -> None:
        async for some in asked:
            found.extend(some.splitlines())

    primary = cast(Link, Primary(users))
    reading = Deferred.fromCoroutine(read(list_users(primary, listing, WORLD)))
    assert reading.called
    reading.addErrback(lambda why: pytest.fail(str(why)))
    return found


def test_people_get_a_table() -> None:
    """In the order of names, and of the operator's own time; what is not so is left out, and so are ends that
    never come. It is as wide as most terminals."""
    assert lines(Listing(), USERS) == [
        "REGISTERED        LAST USED         ROLE       NAME",
        "1970-01-01 00:01  1970-01-01 00:03  admin      alice",
        f"1970-01-01 00:01                               {'b' * 32}",
        "1970-01-01 00:01  1970-01-01 00:01  moderator  carol             disabled, banned until "
        "1970-01-01 00:02, muted for ever",
        "1970-01-01 00:01  1970-01-01 00:01             dora              banned for ever",
        "",
        "4 users.",
    ]
    assert max(map(len, lines(Listing(), USERS[:2]))) < 80


def test_programs_get_a_line_of_json_for_each() -> None:
    """With all keys, whatever they are; and nothing else."""
    found = [json.loads(line) for line in lines(Listing(as_json=True), USERS)]
    assert [one["name"] for one in found] == [one.name for one in USERS]
    assert len({tuple(one) for one in found}) == 1
    assert found[1:3] == [
        {
            "name": "b" * 32,
            "role": "",
            "registered": "1970-01-01T00:01:00.000+00:00",
            "last_used": None,
            "disabled": False,
            "banned_until": None,
            "muted_until": None,
        },
        {
            "name": "carol",
            "role": "moderator",
            "registered": "1970-01-01T00:01:00.000+00:00",
            "last_used": "1970-01-01T00:01:00.000+00:00",
            "disabled": True,
            "banned_until": "1970-01-01T00:02:00.000+00:00",
            "muted_until": "for ever",
        },
    ]
    assert lines(Listing(as_json=True), []) == []


def test_where_nobody_is_that_is_said() -> None:
    assert lines(Listing(), []) == ["There is no user yet."]
    assert lines(Listing("x\x1b"), USERS) == ["There is no user with a name that begins with “x\\x1b”."]
    assert lines(Listing("al"), USERS)[-1] == "1 user with a name that begins with “al”."


def test_a_page_is_printed_before_the_next_is_asked_for() -> None:
    """So whoever looks at the first users alone costs the primary no more."""
    primary = Primary(USERS)

    async def first() -> str:
        async for some in list_users(cast(Link, primary), Listing(as_json=True), WORLD):
            return some
        raise AssertionError

    found: list[str] = []
    Deferred.fromCoroutine(first()).addCallback(found.append)
    assert len(found[0].splitlines()) == 2
    assert primary.asked == [""]


def test_nothing_of_a_name_is_obeyed_by_a_terminal() -> None:
    """Whatever the other end is."""
    hostile = UserFacts("\x1b[2J", "\x1b]0;me\x07", MINUTE, MINUTE, 0, 0, False)
    assert all(line.isprintable() for line in lines(Listing(), [hostile]))
