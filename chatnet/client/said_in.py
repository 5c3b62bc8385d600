"""Where it is that a user posts, by the room that they typed, and whether they are there."""

from __future__ import annotations

from chatnet.client.requests import Requests
from chatnet.errors import NoSuchRoom, NoSuchUser, NotJoined, NotYours
from chatnet.form import check_said_in
from chatnet.names import fold_for, fold_room, spelled_for
from chatnet.wire.session import List, WhoIs

NO_ROOM = "There is no user {name}, and so no such room; a topic begins with #: #{name}."


def said_in(word: str, user: str) -> str:
    """Return where ``user`` posts who typed the room ``word``, as they spell it; empty: in their own. Asks
    nobody.

    :raises BadRoom: it is none. :raises NotYours: it is somebody else's.
    :raises BadName: it is a conversation with nobody. :raises OwnRoom: it is one with oneself.
    """
    where = check_said_in(fold_for(word, user), user)
    return "" if where == user else spelled_for(where, user)


async def found(requests: Requests, word: str) -> str:
    """Return the same, and ask whether the user may post there at all: a muted member is told at the first
    post.

    A private room that others have is answered by the same look, at the user's own rooms, as one that nobody
    has.

    :raises NoSuchRoom: the user is not in that private room, or there is none.
    :raises NotJoined: the user is not in that topic. :raises NoSuchUser: there is nobody to talk to, or there
        is no such user, whose room it would be.
    """
    try:
        room = said_in(word, requests.name)
    except NotYours as error:
        name = fold_room(word)
        try:
            await requests.ask(WhoIs, name=name)
        except NoSuchUser:
            raise NoSuchUser(NO_ROOM.format(name=name)) from None
        raise error from None
    if room[:1] == "@":
        await requests.ask(WhoIs, name=room[1:])
    elif room and not await is_in(requests, room):
        raise (NoSuchRoom if room[0] == "&" else NotJoined).of(room=room)
    return room


async def is_in(requests: Requests, room: str) -> bool:
    """Return whether the user is in a topic or a private room: the worker knows that without a look at the
    log."""
    page = await requests.ask(List, prefix=room, after="", mine=True)
    return room in page["joined"]
