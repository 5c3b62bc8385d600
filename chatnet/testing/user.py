"""A user played by a script: the real client's connection, with its history recorded.

It works on any reactor; several may be in one process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.protocols import amp

from chatnet.addresses import Address
from chatnet.client.feed import Beginning, Following
from chatnet.client.finder import Finder
from chatnet.client.identities import Identities
from chatnet.client.identity import config_directory
from chatnet.client.server_time import ServerTime
from chatnet.client.service import PULSE
from chatnet.client.states import Over
from chatnet.client.trust import Trust
from chatnet.codes import hashes_of, kept
from chatnet.cursor import Cursor
from chatnet.entries import Entry
from chatnet.errors import ChatnetError
from chatnet.kinds import KindName
from chatnet.names import spelled_for
from chatnet.net.outbox import Outboxes
from chatnet.net.pulse import Pulse
from chatnet.testing import history
from chatnet.testing.recorded import (
    ForgetfulIdentity,
    RecordedConnection,
    RecordedFeed,
    RecordedIdentity,
    Recorder,
)
from chatnet.wire.session import (
    Ban,
    Block,
    Create,
    Forget,
    History,
    Invitations,
    Invite,
    Join,
    Leave,
    List,
    Marks,
    Pair,
    Purge,
    Recovery,
    Redact,
    Remove,
    Reported,
    ReportPost,
    Revoke,
    Sessions,
    SetPolicy,
    SetRole,
    Unban,
    Unblock,
)
from chatnet.world import World


class Choice(NamedTuple):
    """Which post somebody takes back: of their ``own``, or of all that they have seen, the one at ``pick``,
    from 0 to 1. ``mixed``: they name it with the check of another one, which is a mistake."""

    pick: float
    own: bool
    mixed: bool

    def of(self, seen: Sequence[Entry], name: str) -> tuple[Entry, Entry] | None:
        """Return the post, and the one whose check is sent with it; None if they have seen none."""
        posts = [post for post in seen if post.kind == "post" and (post.user == name or not self.own)]
        if not posts:
            return None
        at = int(self.pick * len(posts))
        return posts[at], posts[at - 1] if self.mixed else posts[at]


class Chosen(NamedTuple):
    """What a command says of a post: its seq, and a check. ``check_of``: the seq of the post whose check that
    is, if it is another one's by mistake; else 0."""

    seq: int
    check: bytes
    check_of: int

    @classmethod
    def by(cls, choice: Choice, feed: RecordedFeed, name: str) -> Chosen | None:
        """Return what is said of the post that ``name`` chooses of what they have seen; None: of no post."""
        found = choice.of(feed.noted, name)
        if found is None or not feed.log_id:
            return None
        post, other = found
        check_of = 0 if other.seq == post.seq else other.seq
        return cls(post.seq, Cursor.at(feed.log_id, other).check, check_of)


def _about(command: type[amp.Command], **more: Any) -> Callable[[str, str, str], _Ordered]:
    return lambda room, to, text: (command, {"room": room, "to": to, "reason": text or None, **more})


_Ordered = tuple[type[amp.Command], dict[str, Any]]
ORDERS: dict[KindName, Callable[[str, str, str], _Ordered]] = {
    "create": lambda room, to, text: (Create, {"room": room, "history": text}),
    "invite": lambda room, to, text: (Invite, {"room": room, "to": to}),
    "remove": _about(Remove),
    "role": lambda room, to, text: (SetRole, {"room": room, "to": to, "role": text}),
    "ban": _about(Ban, mute=False, until=None),
    "mute": _about(Ban, mute=True, until=None),
    "unban": _about(Unban),
    "policy": lambda room, to, text: (
        SetPolicy,
        {"room": room or None, **dict(zip(("name", "value"), text.split(" ", 1), strict=True))},
    ),
    "purge": _about(Purge),
    "block": lambda room, to, text: (Block, {"to": to}),
    "unblock": lambda room, to, text: (Unblock, {"to": to}),
}
"""The command for each kind, from its room, whom it is for, and its text."""


class User:
    """One client of ``name``, played by a script. What it is told to do goes on until it is done.

    Without ``keeps_ticket`` it logs in by its secret each time; without ``trust`` it uses no TLS.
    """

    _logger = Logger()

    def __init__(
        self,
        name: str,
        masters: Sequence[Address],
        world: World,
        record: Recorder,
        keeps_ticket: bool = True,
        trust: Trust | None = None,
    ) -> None:
        reactor = world.reactor
        self.name = name
        self._record = record
        directory = config_directory(world.environ)
        kind = RecordedIdentity if keeps_ticket else ForgetfulIdentity
        identities = Identities(world.files, directory, masters, name, world.entropy, kind=kind)
        self._feed = RecordedFeed(record)
        self._connection = RecordedConnection(
            record,
            Finder(reactor, Outboxes(reactor), masters, trust),
            identities,
            Pulse(reactor, world.monotonic, *PULSE, world.tell),
            reactor,
            world.fresh_key,
            world.chance,
            self._feed,
            ServerTime(reactor, world.wall),
        )
        self._is_held = False
        self._heard: dict[str, int] = {}

    def start(self, password: str | None = None, code: str = "") -> None:
        """Connect, and stay connected; ``password`` is the last one that they believe to have set. A ``code``
        is shown first, if they have one."""
        self._record(history.Started)
        self._connection.start(self, None if password is None else password.encode(), code)

    def stop(self) -> Deferred[None]:
        """End this client; unanswered requests are never answered."""
        self._record(history.Stopped)
        return Deferred.fromCoroutine(self._connection.stop())

    # ---- what can be seen of it ----

    @property
    def is_connected(self) -> bool:
        """Whether it is logged in."""
        return self._connection.link is not None

    @property
    def has_given_up(self) -> bool:
        """Whether it was told that its connection has ended for good."""
        return isinstance(self._connection.state, Over)

    @property
    def worker(self) -> str:
        """Where its worker is, HOST:PORT, while it is connected; otherwise empty."""
        return "" if self._connection.link is None else self._connection.link.peer()

    @property
    def waiting(self) -> int:
        """How many of its drafts and questions are not answered yet."""
        return self._connection.waiting

    @property
    def is_away(self) -> bool:
        """Whether it is reading nothing for a while."""
        return self._is_held

    @property
    def is_chatting(self) -> bool:
        """Whether it hears posts, or has asked to."""
        return isinstance(self._feed.state, Beginning | Following)

    @property
    def cursor(self) -> int | None:
        """How far it has read, while it is chatting."""
        cursor = self._feed.cursor
        return None if cursor is None else cursor.seq

    # ---- what it can be told ----

    def post(self, text: str, room: str | None = None) -> None:
        """Post ``text`` in ``room``, or in one's own."""
        self._own(self._connection.post(text, room))

    def join(self, room: str) -> None:
        """Follow ``room``."""
        self._own(self._connection.draft(Join, room=room))

    def leave(self, room: str) -> None:
        """Stop following ``room``."""
        self._own(self._connection.draft(Leave, room=room))

    def order(self, kind: KindName, room: str, to: str = "", text: str = "") -> None:
        """Append what is neither a post nor a join, leave or redaction."""
        command, arguments = ORDERS[kind](room, to, text)
        self._own(self._connection.draft(command, **arguments))

    def redact(self, choice: Choice) -> None:
        """Take a post back that they have seen."""
        self._about(Redact, choice)

    def report(self, choice: Choice) -> None:
        """Report a post that they have seen."""
        self._about(ReportPost, choice)

    def _about(self, command: type[amp.Command], choice: Choice) -> None:
        chosen = Chosen.by(choice, self._feed, self.name)
        if chosen is not None:
            self._connection.meant = chosen.check_of
            self._own(self._connection.draft(command, seq=chosen.seq, check=chosen.check))
            self._connection.meant = 0

    def set_password(self, old: str | None, password: str) -> None:
        """Replace the secret; ``old`` is the password that they believe is theirs."""
        secret = self._connection.random_secret
        if secret is None and old is not None:
            secret = old.encode()
        if secret is not None:
            setting = self._connection.set_password(secret, password.encode())
            self._own(Deferred.fromCoroutine(setting))

    def pair(self, keep: Callable[[str], None], password: str | None) -> None:
        """Make a code for another device of theirs, and ``keep`` it once it is good; ``password``: the one
        that they believe is theirs."""
        secret = self._connection.random_secret or (password or "").encode()
        code = self._connection.fresh_code()
        paired = self._connection.draft(Pair, code=bytes.fromhex(kept(code)), secret=secret)
        self._own(paired.addCallback(lambda _: keep(code)))

    def recovery(self, keep: Callable[[list[str]], None], password: str | None) -> None:
        """Make recovery codes, and ``keep`` them once they are good; ``password``: as for :meth:`pair`."""
        secret = self._connection.random_secret or (password or "").encode()
        codes = self._connection.fresh_recoveries()
        made = self._connection.draft(Recovery, codes=hashes_of(codes), secret=secret)
        self._own(made.addCallback(lambda _: keep(codes)))

    def revoke_others(self) -> None:
        """End all sessions but this one."""
        self._own(Deferred.fromCoroutine(self._revoke_others()))

    async def _revoke_others(self) -> None:
        for one in (await self._connection.ask(Sessions))["sessions"]:
            if not one.is_this:
                await self._connection.draft(Revoke, id=one.id, to=None)

    def forget(self, password: str | None) -> None:
        """Have all taken back that this user ever said; ``password``: the one that they believe is theirs."""
        secret = self._connection.random_secret
        if secret is None and password is not None:
            secret = password.encode()
        if secret is not None:
            self._own(self._connection.draft(Forget, secret=secret))

    def chat(self) -> None:
        """Begin to chat."""
        self._own(Deferred.fromCoroutine(self._connection.chat()))

    def unchat(self) -> None:
        """Stop chatting."""
        self._own(Deferred.fromCoroutine(self._connection.unchat()))

    def look_back(self, room: str, pages: int) -> None:
        """Read what was said in ``room``, from the newest post back."""
        self._own(Deferred.fromCoroutine(self._look_back(room, pages)))

    def list_rooms(self, prefix: str) -> None:
        """List the rooms that begin with ``prefix``."""
        self._own(self._connection.ask(List, prefix=prefix, after=""))

    def list_invitations(self) -> None:
        """Ask for the open invitations."""
        self._own(Deferred.fromCoroutine(self._list_invitations()))

    def mark(self) -> None:
        """Mark what was heard in each room, and read all marks."""
        self._own(Deferred.fromCoroutine(self._mark()))

    def stop_reading(self) -> None:
        """Stop reading what comes."""
        if not self._is_held:
            self._is_held = True
            self._connection.hold()

    def hang_up(self) -> None:
        """Lose the connection, and do not reconnect yet."""
        self.stop_reading()
        if self._connection.link is not None:
            self._connection.link.abort()

    def read_on(self) -> None:
        """Return from :meth:`stop_reading` or :meth:`hang_up`."""
        if self._is_held:
            self._is_held = False
            self._connection.release()

    async def _look_back(self, room: str, pages: int) -> None:
        before = None
        for _ in range(pages):
            posts = (await self._connection.ask(History, room=room, before=before))["posts"]
            self._record(history.PageRead, room=room, before=before, posts=posts)
            self._feed.note(posts)
            if not posts:
                return
            before = posts[0].seq

    async def _read_report(self, seq: int) -> None:
        post = (await self._connection.ask(Reported, seq=seq))["post"]
        self._record(history.ReportRead, report=seq, post=post)

    async def _list_invitations(self) -> None:
        found = (await self._connection.ask(Invitations, after=""))["invitations"]
        self._record(history.InvitationsRead, rooms=[(one.room, one.by) for one in found])

    async def _mark(self) -> None:
        for room, seq in self._heard.items():
            self._connection.mark(spelled_for(room, self.name), seq)
        asked, marks, after, more = self._record.now, list[tuple[str, int]](), "", True
        while more:
            page = await self._connection.ask(Marks, after=after)
            marks += page["marks"]
            after, more = (page["marks"][-1][0] if page["marks"] else ""), page["more"]
        self._record(history.MarksRead, asked=asked, marks=marks)

    def _own(self, doing: Deferred[Any]) -> None:
        """Log failures, except refusals: those of drafts are recorded, and the others are no surprise."""
        doing.addErrback(lambda why: why.trap(ChatnetError, CancelledError))
        doing.addErrback(lambda why: self._logger.failure("{user} could not do that", why, user=self.name))

    # ---- the connection's listener ----

    def logged_in(self, name: str) -> None:
        self.back()

    def back(self) -> None:
        how, session = self._connection.how(), self._connection.session()
        self._record(history.LoggedIn, how=how, asked=self._connection.asked, session=session)

    def lost(self) -> None:
        self._record(history.Lost)

    def newest(self, posts: Sequence[Entry]) -> None:
        self._feed.newest = posts

    def heard(self, post: Entry) -> None:
        if post.kind == "report" and post.user != self.name:
            self._own(Deferred.fromCoroutine(self._read_report(post.seq)))
        self._heard[post.room] = max(post.seq, self._heard.get(post.room, 0))

    def marked(self, room: str, seq: int) -> None:
        self._record(history.MarkTold, room=room, seq=seq)

    def stay_changed(self, room: str, seq: int, joined: bool) -> None:
        pass

    def must_recount(self) -> None:
        pass

    def told(self, sentence: str) -> None:
        self._record(history.Told, sentence=sentence)

    async def agrees(self, question: str) -> bool:
        return False

    async def code(self, question: str) -> str:
        return ""

    def ended(self, sentence: str) -> None:
        self._record(history.Ended, sentence=sentence)
