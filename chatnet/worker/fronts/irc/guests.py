"""Guests: users of IRC without an account, each for as long as their connection lasts.

::

    NICK, USER ─▶ guest ─▶ welcome ──┬─ NICK ─▶ nick: the same rooms under another name
                                     ├─ a login, or REGISTER ─▶ gone ─▶ goes on as that user
                                     └─ QUIT, or the end ─▶ gone

A guest's entries are written by the process that has the connection. What it leaves behind if it dies, the
primary ends (:mod:`chatnet.master.lost_guests`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.addresses import is_loopback, network
from chatnet.entries import Draft, More
from chatnet.errors import ChatnetError, Muted, NameTaken
from chatnet.faces import Face
from chatnet.log import Refused
from chatnet.names import is_guest
from chatnet.store.verifying import cursor_at
from chatnet.worker.entrance import admitted
from chatnet.worker.fronts.irc.refusals import words_for
from chatnet.worker.logins import Begun, refusal

if TYPE_CHECKING:
    from chatnet.worker.fronts.irc.client import IrcClient
    from chatnet.worker.peer import Peer
    from chatnet.worker.session import Session
    from chatnet.worker.sessions import Sessions

AT_ONCE, SECONDS = 20, 30.0
"""How many guests may come from one address (of IPv6: one /64) at once; another after so many seconds."""
REFUSED_SECONDS = 1.0
"""For how many of these seconds somebody counts who is refused: they add nothing to the log, but ask it."""
MOST_ADDRESSES = 10_000
"""Of how many addresses it is remembered how many came; then the oldest is forgotten."""
LOGGED_IN = "logged in"
"""What is told of a guest who goes on as a user."""


class Arrivals:
    """How many guests come from each address. This machine's own may be everybody's, and is not limited."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def may_come(self, host: str) -> bool:
        """Return whether one more may come from there, and count them."""
        if is_loopback(host):
            return True
        address, now = network(host), self._seconds()
        # When all places are free again.
        full_at = max(now, self._full_at.pop(address, now))
        may = full_at + SECONDS - now <= AT_ONCE * SECONDS
        self._full_at[address] = full_at + SECONDS if may else full_at
        if len(self._full_at) > MOST_ADDRESSES:
            self._full_at.popitem(last=False)
        return may

    def refused(self, host: str) -> None:
        """One who was counted has not come: count no more than that they tried."""
        address = network(host)
        if address in self._full_at:
            self._full_at[address] -= SECONDS - REFUSED_SECONDS


async def come(
    arrivals: Arrivals, sessions: Sessions, peer: Peer, user: str, face: Face, key: bytes
) -> Session:
    """Let a guest in, who was counted among the arrivals.

    :raises NameTaken: the name is somebody's, or looks like it. :raises ChatnetError: they are not let in.
    """
    try:
        _check_free(sessions, user)
        [outcome] = await sessions.log.append([Draft("guest", user, user, face.text, key)])
        if isinstance(outcome, Refused):
            raise refusal(outcome)
    except ChatnetError:
        arrivals.refused(peer.address)
        raise
    return await admitted(sessions, peer, user, outcome, ages=False)


def _check_free(sessions: Sessions, user: str) -> None:
    """Look that no other guest is called so here. The log may know that one by another name already: until we
    have followed it so far, the two would hear the same.

    :raises NameTaken: somebody is.
    """
    if user in sessions.users:
        raise NameTaken.of(name=user)


class Leaving:
    """Writes that guests are gone; whatever becomes of that, nobody waits for it."""

    _logger = Logger()

    def go(self, session: Session, sessions: Sessions, key: bytes, words: str) -> None:
        """Write that the guest of a session that is over is gone."""
        user = session.user
        drafts = [
            Draft("gone", user, user, said, key, session.by, More(to=user))
            for said in dict.fromkeys([words, ""])
        ]
        answer = Deferred.fromCoroutine(_append(sessions, drafts))
        answer.addErrback(self._not_written, user)

    def _not_written(self, failure: Failure, user: str) -> None:
        self._logger.failure("That {user} is gone could not be written: the primary will", failure, user=user)


async def _append(sessions: Sessions, drafts: Sequence[Draft]) -> None:
    """Append the first of these that is taken."""
    for draft in drafts:
        [outcome] = await sessions.log.append([draft])
        if not isinstance(outcome, Refused) or outcome.code != Muted.code:
            return


# ---- who is somebody else from now on ----


async def renamed(client: IrcClient, to: str, face: Face) -> None:
    """Have the guest of a connection be called otherwise.

    :raises ChatnetError: the name cannot be had.
    """
    _check_free(client.sessions, to)
    more, drafts = More(to=to), client.session.drafts
    seq = await client.drafts.appended(lambda key: drafts.order(key, "nick", None, face.text, more))
    await becomes(client, to, seq, seq)


async def logged_in(client: IrcClient, user: str, begun: Begun) -> None:
    """Have a guest's connection go on as that of a user, who has just logged in.

    :raises ChatnetError: the user cannot come in; then the connection has no user, and is closed.
    """
    await becomes(client, user, begun.seq, await departed(client), begun.ages)


async def departed(client: IrcClient) -> int:
    """Write that the guest of a connection is gone, which stays, and has heard everything up to there; return
    the seq. Until :func:`becomes`, the connection has no user.

    :raises ChatnetError: the guest is not gone.
    """
    more, drafts = More(to=client.user), client.session.drafts

    async def goes(words: str) -> int:
        return await client.drafts.appended(lambda key: drafts.order(key, "gone", None, words, more))

    try:
        return await goes(LOGGED_IN)
    except Muted:
        return await goes("")


async def back(client: IrcClient, user: str, face: Face) -> None:
    """Let the guest of a connection come again, who was to be somebody else.

    :raises ChatnetError: somebody else has the name by now.
    """
    sessions = client.sessions
    [outcome] = await sessions.log.append([Draft("guest", user, user, face.text, client.drafts.key())])
    if isinstance(outcome, Refused):
        raise refusal(outcome)
    await becomes(client, user, outcome, outcome)


async def becomes(client: IrcClient, user: str, by: int, since: int, ages: bool = False) -> None:
    """Go on as another user, who hears what comes behind the seq ``since``; ``ages``: see :func:`admitted`.

    :raises ChatnetError: they cannot come in, or hear that; then the connection is closed.
    """
    try:
        await _becomes(client, user, by, since, ages)
    except Exception as why:
        client.close(words_for(why) if isinstance(why, ChatnetError) else "The server failed")
        raise


async def _becomes(client: IrcClient, user: str, by: int, since: int, ages: bool) -> None:
    front, sessions, old = client.front, client.sessions, client.session
    old.unchat()
    start = await cursor_at(sessions.log, since) or client.window.cursor
    session = await admitted(sessions, client, user, by, ages)
    if client.is_lost:  # meanwhile: the old session is over already
        session.lost("its connection was lost")
        if is_guest(user):
            front.leaving.go(session, sessions, client.drafts.last_key(), "")
        return
    monitors = list(client.monitors)
    front.presence.gone(client, list(client.joined))
    front.crowd.leave(client)
    client.session = session
    client.marks_told.clear()
    front.crowd.enter(client)
    old.lost("its user is another one now")
    for watched in monitors:
        front.presence.watch(client, watched)
    front.presence.came(client)
    client.show_name()
    await client.device.begin(start)
