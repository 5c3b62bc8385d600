"""``chatnet user list``: who has registered, what they are, and what keeps them out, read page by page."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import NamedTuple

from chatnet.net.link import Link
from chatnet.operator.export import FOR_EVER, moment
from chatnet.reads import UserFacts, UserPage
from chatnet.text import legible
from chatnet.wire.operate import ListUsers
from chatnet.world import World

_COLUMNS = "{:16}  {:16}  {:9}  {}"
"""When they registered, when they last used a session, their role, and the name, with what there is to say
beside it: of all that may be long it is the last, so that rows that are not known yet need not be waited
for."""
_HEADINGS = _COLUMNS.format("REGISTERED", "LAST USED", "ROLE", "NAME")


class Listing(NamedTuple):
    """The users are asked for whose names begin with ``prefix``; ``as_json``: as lines of JSON."""

    prefix: str = ""
    as_json: bool = False


async def list_users(link: Link, listing: Listing, world: World) -> AsyncIterator[str]:
    """Ask the primary for page after page, and yield the lines of each; at the end, how many users it were,
    but not in JSON."""
    count, after, is_more = 0, "", True
    while is_more:
        page: UserPage = (await link.callRemote(ListUsers, prefix=listing.prefix, after=after))["users"]
        if page.users:
            heading = [] if count or listing.as_json else [_HEADINGS]
            as_line = _json if listing.as_json else _row
            yield "\n".join([*heading, *(as_line(one, world) for one in page.users)])
            count, after = count + len(page.users), page.users[-1].name
        is_more = page.more
    if not listing.as_json:
        yield _counted(count, listing.prefix)


async def find_user(link: Link, name: str) -> UserFacts | None:
    """Return what the primary knows of a user, or of a guest who is here; None: there is none."""
    page: UserPage = (await link.callRemote(ListUsers, prefix=name, after=""))["users"]
    return next((one for one in page.users if one.name == name), None)


def lasting(what: str, ms: int, world: World) -> str:
    """Return ``what``, and until when it holds."""
    when = _when(ms, world)
    return f"{what} {when}" if when == FOR_EVER else f"{what} until {when}"


def _row(one: UserFacts, world: World) -> str:
    times = {"banned": one.banned, "muted": one.muted}
    state = ["disabled"] * one.disabled + [lasting(what, ms, world) for what, ms in times.items() if ms]
    name = f"{legible(one.name, 64):16}  {', '.join(state)}".rstrip()
    role = legible(one.role, 16)
    return _COLUMNS.format(*(_when(ms, world) if ms else "" for ms in (one.since, one.used)), role, name)


def _json(one: UserFacts, world: World) -> str:
    def when(ms: int) -> str | None:
        return moment(ms) if ms else None

    return json.dumps(
        {
            "name": one.name,
            "role": one.role,
            "registered": when(one.since),
            "last_used": when(one.used),
            "disabled": one.disabled,
            "banned_until": when(one.banned),
            "muted_until": when(one.muted),
        }
    )


def _when(ms: int, world: World) -> str:
    try:
        return f"{world.local(ms / 1000):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):  # who bans somebody may say any end
        return FOR_EVER


def _counted(count: int, prefix: str) -> str:
    such = f" with a name that begins with “{legible(prefix, 40)}”" if prefix else ""
    if not count:
        return f"There is no user{such or ' yet'}."
    return f"\n{count:,} user{'s' * (count > 1)}{such}."
