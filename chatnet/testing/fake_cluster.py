"""A cluster in memory for tests of clients: masters and workers behind one small log, and a network.

Only :meth:`Network.pass_time` moves the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from chatnet.codes import code_text, recovery_text
from chatnet.cursor import Cursor, is_of
from chatnet.entries import Entry, More, Ref, blanked, places
from chatnet.errors import (
    AlreadyJoined,
    BadCode,
    BadTicket,
    Barred,
    CodeNeeded,
    CursorAhead,
    Forgotten,
    NoSuchPost,
    NoSuchRoom,
    NoSuchUser,
    NotJoined,
    NoWorkers,
    WrongSecret,
)
from chatnet.kinds import EVENTS, SAID, KindName
from chatnet.names import fold_for, sides, spelled_for, talk
from chatnet.net.first_byte import TLS
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.net.tls import Encrypted, Encryption, Presented
from chatnet.reads import MOST_UNREAD, Invitation, Member, Talk
from chatnet.testing.loopback import Loopback
from chatnet.wire import session as wire
from chatnet.wire.common import Ping
from chatnet.wire.locate import Locate

STEP = 0.01
"""The grain of time, in seconds."""


class Network(MemoryReactorClock):
    """A reactor whose connections lead to listeners in memory. All hosts are the same; ports differ.

    At ``silent`` ports nobody answers, and nobody refuses. Ports that ``present`` something also take TLS.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outboxes = Outboxes(self)
        self.listeners: dict[int, Callable[[], Locator]] = {}
        self.silent: set[int] = set()
        self.present: dict[int, Presented] = {}
        self.attempts: list[tuple[float, int]] = []
        self.open: list[Loopback] = []

    def connectTCP(
        self, host: str, port: int, factory: Any, timeout: Any = 30, bindAddress: Any = None
    ) -> Any:
        connector = super().connectTCP(host, port, factory, timeout, bindAddress)
        self.attempts.append((self.seconds(), port))
        self.callLater(0, self._connect, port, factory, connector)
        return connector

    def _connect(self, port: int, factory: Any, connector: Any) -> None:
        if port in self.silent:
            return
        if port in self.listeners:
            listener = self.listeners[port]
            server: Any = Link(listener(), self.outboxes)
            if port in self.present:
                server = Either(server, Encryption(self.present[port], False, Factory(), self).wrap(server))
            self.open.append(Loopback(factory.buildProtocol(None), server))
        else:
            factory.clientConnectionFailed(connector, Failure(ConnectionRefusedError()))

    def settle(self) -> None:
        """Carry bytes until none are left, without letting time pass."""
        moved = True
        while moved:
            self.advance(0)
            moved = sum(connection.pump() for connection in list(self.open)) > 0
            self.open = [connection for connection in self.open if connection.client_transport.lost is None]

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.settle()
        for _ in range(round(seconds / STEP)):
            self.advance(STEP)
            self.settle()

    def cut(self) -> None:
        """Lose every connection."""
        connections, self.open = self.open, []
        for connection in connections:
            connection.cut()
        self.settle()


class Either(Protocol):
    """Becomes ``plain`` or ``encrypted``, by the first byte."""

    def __init__(self, plain: Link, encrypted: Encrypted) -> None:
        self._plain, self._encrypted = plain, encrypted
        self._chosen: Any = None

    def dataReceived(self, data: bytes) -> None:
        if self._chosen is None:
            self._chosen = self._encrypted if data[0] == TLS else self._plain
            self._chosen.makeConnection(self.transport)
        self._chosen.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._chosen is not None:
            self._chosen.connectionLost(reason)


class FakeCluster:
    """What the fake masters and workers share. Everybody sees every post and event.

    ``requests`` is everything that workers were asked, in order: the command's name and its arguments.
    ``others`` are the workers that they name at a login. While ``mute``, drafts are taken but not
    acknowledged; while ``deaf``, they are lost on the way. ``time`` is that of new entries, and ``now`` what
    workers say of the time at a login; an older cluster says nothing. ``members`` are those of every
    room, and ``about`` is its description. ``barred`` are banned from the cluster.
    A new name ``needs_code``, one of ``codes``, each good once and for any name; ``devices`` are what each
    login showed of its device and code, and ``of_devices`` the sessions of everybody.
    ``marked`` are the rooms that were marked, and ``unread`` is what is answered to ``Unread``; None: what
    follows from the marks of a single user. ``since`` is since when that user is in rooms; an older cluster
    does not say so.
    """

    log_id = "fake"

    def __init__(self, network: Network) -> None:
        self.network = network
        self.entries: list[Entry] = []
        self.secrets: dict[str, bytes] = {}
        self.tickets: dict[bytes, str] = {}
        self.joined: dict[str, None] = {}
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.sessions: list[FakeSession] = []
        self.others: list[wire.Elsewhere] = []
        self.marked: list[tuple[str, int]] = []
        self.unread: list[tuple[str, int, int]] | None = None
        self.since: dict[str, int] = {}
        self.mute = self.deaf = False
        self.time = 0
        self.now: int | None = None
        self.members: list[Member] = []
        self.about = ""
        self.policies: dict[str, str] = {}
        self.invitations: list[Invitation] = []
        self.barred: set[str] = set()
        self.needs_code = False
        self.codes: list[str] = []
        self.devices: list[tuple[bytes | None, str | None, str | None]] = []
        self.of_devices: list[wire.OneSession] = []

    @property
    def head(self) -> int:
        """The newest seq."""
        return len(self.entries)

    def master(
        self, port: int, worker: str | None = None, primary: str | None = None, key: str | None = None
    ) -> None:
        """Start a master that names ``worker`` or ``primary``, and its ``key``; without either, it knows of
        no workers."""
        self.network.listeners[port] = lambda: FakeMaster(self.log_id, worker, primary, key)

    def worker(self, port: int) -> None:
        """Start a worker."""
        self.network.listeners[port] = lambda: FakeSession(self)

    def at(self, seq: int) -> Cursor:
        """Return the cursor at ``seq``, whether or not there is an entry."""
        if 0 < seq <= self.head:
            return Cursor.at(self.log_id, self.entries[seq - 1])
        return Cursor(seq, Cursor.beginning(self.log_id).check)

    def asked(self, *names: str) -> list[tuple[str, dict[str, Any]]]:
        """Return the requests of these names, or all."""
        return [request for request in self.requests if not names or request[0] in names]

    def append(
        self, kind: KindName, user: str, room: str, text: str, key: bytes, more: More | None = None
    ) -> int:
        """Return the seq of a new entry, or of the one with this key; everybody who chats hears of it."""
        for entry in self.entries:
            if (entry.user, entry.key) == (user, key):
                return entry.seq
        self.entries.append(Entry(self.head + 1, self.time, kind, user, room, text, key, more))
        for session in self.sessions:
            session.catch_up()
        return self.head

    def say(self, user: str, *texts: str) -> None:
        """Post ``texts`` as ``user``."""
        for text in texts:
            self.append("post", user, user, text, b"%016d" % self.head)

    def order(
        self, kind: KindName, user: str, room: str, text: str = "", to: str = "", until: int = 0
    ) -> None:
        """Append what is no post."""
        more = More(to=to, until=until) if to else None
        self.append(kind, user, room, text, b"%016d" % self.head, more)

    def unread_of(self, user: str) -> list[tuple[str, int, int]]:
        """Return how much is unread in each room that ``user`` has joined, or in which they talk."""
        if self.unread is not None:
            return self.unread
        rooms: dict[str, list[Entry]] = {room: [] for room in self.joined}
        for post in _posts(self.entries):
            for room in (spelled_for(place, user) for place in places(post.user, post.room, post.text)):
                if room in rooms or spelled_for(post.room, user)[0] == "@" != post.room[0]:
                    rooms.setdefault(room, []).append(post)
        found = []
        for room, posts in sorted(rooms.items()):
            marks = [seq for marked, seq in self.marked if marked == room]
            marks += [
                post.seq for post in posts if spelled_for(post.room, user) == room and post.user == user
            ]
            new = [post for post in posts if post.seq > max(marks, default=0) and post.text]
            mentions = [post for post in new if room[0] == "@" or f"@{user}" in post.text]
            found.append((room, min(len(new), MOST_UNREAD), min(len(mentions), MOST_UNREAD)))
        return found

    def read_elsewhere(self, room: str, seq: int) -> None:
        """Another device has read ``room``, as its user spells it, up to ``seq``."""
        self.marked.append((room, seq))
        for session in self.sessions:
            session.link.callRemote(wire.Marked, room=room, seq=seq)

    def join_elsewhere(self, room: str, joined: bool = True) -> None:
        """Another device has joined ``room``, or left it; empty: several, and this client did not read."""
        if joined:
            self.joined[room] = None
        elif room:
            del self.joined[room]
        for session in self.sessions:
            session.link.callRemote(wire.Membership, room=room, seq=self.head, joined=joined)

    def take_back(self, user: str, seq: int, reason: str = "", key: bytes | None = None) -> int:
        """Take back the post ``seq`` as ``user``."""
        target = self.entries[seq - 1]
        more = More(ref=Ref(seq, self.at(seq).check))
        self.entries[seq - 1] = blanked(target)
        return self.append("redact", user, user, reason, key or b"%016d" % self.head, more)


class FakeMaster(Locator):
    """A master that answers what it was told."""

    def __init__(self, log_id: str, worker: str | None, primary: str | None, key: str | None = None) -> None:
        self._log_id = log_id
        self._worker, self._primary, self._key = worker, primary, key

    @Locate.responder
    def locate(self, version: int) -> dict[str, Any]:
        if self._worker is None and self._primary is None:
            raise NoWorkers(NoWorkers.sentence)
        return {
            "worker": self._worker,
            "worker_key": self._key,
            "primary": self._primary,
            "primary_key": self._key,
            "log": self._log_id,
            "epoch": 1,
        }


class FakeSession(Locator):
    """One connection to a worker."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster
        self.user = ""
        self.cursor: int | None = None

    def lost(self, reason: Failure) -> None:
        if self in self.cluster.sessions:
            self.cluster.sessions.remove(self)

    def catch_up(self) -> None:
        """Deliver what is new."""
        if self.cursor is not None:
            for entry in self.cluster.entries[self.cursor :]:
                self.cursor = entry.seq
                if entry.kind in SAID or entry.kind in EVENTS:
                    self.deliver(entry)

    def deliver(self, entry: Entry) -> None:
        """Deliver ``entry``, whatever was delivered before."""
        self.link.callRemote(wire.Deliver, entry=entry)

    def move(self) -> None:
        """Send Moved."""
        self.link.callRemote(wire.Moved)

    def end(self, code: str, sentence: str) -> None:
        """Send Ended, and hang up."""
        self.link.callRemote(wire.Ended, code=code, sentence=sentence)
        self.link.hang_up()

    def rewound(self, seq: int) -> None:
        """Send Rewound to ``seq``."""
        to = self.cluster.at(seq)
        self.link.callRemote(wire.Rewound, seq=to.seq, check=to.check)

    def nothing_up_to(self, seq: int) -> None:
        """Send a Ping up to ``seq``."""
        cursor = self.cluster.at(seq)
        self.link.callRemote(Ping, seq=cursor.seq, check=cursor.check)

    @Ping.responder
    def pinged(self, seq: int | None, check: bytes | None) -> dict[str, Any]:
        self._note("Ping")
        return {}

    def _note(self, command: str, /, **arguments: Any) -> None:
        self.cluster.requests.append((command, arguments))

    @wire.Login.responder
    def login(
        self,
        version: int,
        name: str,
        secret: bytes,
        new: bool,
        device: bytes | None = None,
        label: str | None = None,
        scope: str | None = None,
        code: str | None = None,
    ) -> dict[str, Any]:
        self._note("Login", name=name, secret=secret, new=new)
        self.cluster.devices.append((device, label, code))
        if code is not None:
            code = code.upper()
            if code not in self.cluster.codes:
                raise BadCode.of()
            self.cluster.codes.remove(code)
            self.cluster.secrets[name] = secret
        elif name not in self.cluster.secrets and self.cluster.needs_code:
            raise CodeNeeded.of()
        if not new and name not in self.cluster.secrets:
            raise NoSuchUser.of(name=name)
        if self.cluster.secrets.setdefault(name, secret) != secret:
            raise WrongSecret.of(name=name)
        self._check_barred(name)
        return {"ticket": self._enter(name), **self._welcome()}

    @wire.Resume.responder
    def resume(self, version: int, ticket: bytes) -> dict[str, Any]:
        self._note("Resume", ticket=ticket)
        if ticket not in self.cluster.tickets:
            raise BadTicket(BadTicket.sentence)
        self._check_barred(self.cluster.tickets[ticket])
        self._enter(self.cluster.tickets[ticket])
        return self._welcome()

    def _check_barred(self, name: str) -> None:
        if name in self.cluster.barred:
            raise Barred.of(name=name)

    def _welcome(self) -> dict[str, Any]:
        cluster = self.cluster
        others = cluster.others or None
        return {"name": self.user, "log": cluster.log_id, "workers": others, "now": cluster.now}

    def _enter(self, name: str) -> bytes:
        self.user = name
        self.cluster.sessions.append(self)
        ticket = b"ticket %d of %s" % (len(self.cluster.tickets), name.encode())
        self.cluster.tickets[ticket] = name
        return ticket

    def _draft(
        self, kind: KindName, room: str, text: str, key: bytes, more: More | None = None
    ) -> Deferred[int] | int:
        if self.cluster.deaf:
            return Deferred()
        seq = self.cluster.append(kind, self.user, room, text, key, more)
        return Deferred() if self.cluster.mute else seq

    @wire.Post.responder
    async def post(
        self, key: bytes, text: str, room: str | None, ref: int | None, check: bytes | None, form: str | None
    ) -> dict[str, Any]:
        self._note("Post", key=key, text=text, room=room)
        if room is not None and room[0] != "@" and room not in self.cluster.joined:
            raise NotJoined.of(room=room)
        where = self.user if room is None else fold_for(room, self.user)
        more = None if ref is None else More(ref=Ref(ref, check or b""))
        return {"seq": await _seq(self._draft("post", where, text, key, more))}

    @wire.Join.responder
    async def join(self, key: bytes, room: str) -> dict[str, Any]:
        self._note("Join", key=key, room=room)
        room = room.lower()
        if room not in self.cluster.secrets:
            raise NoSuchRoom.of(room=room)
        if room in self.cluster.joined and all(entry.key != key for entry in self.cluster.entries):
            raise AlreadyJoined.of(room=room)
        self.cluster.joined[room] = None
        return {"seq": await _seq(self._draft("join", room, "", key)), "room": room}

    @wire.Leave.responder
    async def leave(self, key: bytes, room: str) -> dict[str, Any]:
        self._note("Leave", key=key, room=room)
        if room not in self.cluster.joined:
            raise NotJoined.of(room=room)
        del self.cluster.joined[room]
        return {"seq": await _seq(self._draft("leave", room, "", key)), "room": room}

    @wire.Create.responder
    async def create(self, key: bytes, room: str, history: str) -> dict[str, Any]:
        self._note("Create", key=key, room=room, history=history)
        self.cluster.joined[room] = None
        return {"seq": await _seq(self._draft("create", room, history, key)), "room": room}

    @wire.Sessions.responder
    def list_sessions(self) -> dict[str, Any]:
        self._note("Sessions")
        return {"sessions": self.cluster.of_devices}

    @wire.Revoke.responder
    async def revoke(self, key: bytes, id: int, to: str | None) -> dict[str, Any]:
        self._note("Revoke", key=key, id=id, to=to)
        more = More(to=to or self.user)
        return {"seq": await _seq(self._draft("revoke", self.user, str(id), key, more))}

    @wire.Pair.responder
    async def pair(self, key: bytes, code: bytes, secret: bytes) -> dict[str, Any]:
        self._note("Pair", key=key, code=code, secret=secret)
        more = More(to=self.user)
        return {"seq": await _seq(self._draft("code", self.user, code_text(code.hex(), 1), key, more))}

    @wire.Recovery.responder
    async def recovery(self, key: bytes, codes: bytes, secret: bytes) -> dict[str, Any]:
        self._note("Recovery", key=key, codes=codes, secret=secret)
        size = wire.HASH_BYTES
        text = recovery_text(codes[start : start + size].hex() for start in range(0, len(codes), size))
        return {"seq": await _seq(self._draft("code", self.user, text, key, More(to=self.user)))}

    @wire.MakeCode.responder
    async def make_code(
        self, key: bytes, code: bytes, uses: int, until: int, room: str | None
    ) -> dict[str, Any]:
        self._note("MakeCode", key=key, code=code, uses=uses, until=until, room=room)
        text = code_text(code.hex(), uses)
        return {"seq": await _seq(self._draft("code", room or "", text, key, More(until=until)))}

    @wire.Invite.responder
    async def invite(self, key: bytes, room: str, to: str) -> dict[str, Any]:
        self._note("Invite", key=key, room=room, to=to)
        return await self._order("invite", key, room, "", to)

    @wire.Remove.responder
    async def remove(self, key: bytes, room: str, to: str, reason: str | None) -> dict[str, Any]:
        self._note("Remove", key=key, room=room, to=to, reason=reason)
        return await self._order("remove", key, room, reason, to)

    @wire.Describe.responder
    async def describe(self, key: bytes, room: str, text: str) -> dict[str, Any]:
        self._note("Describe", key=key, room=room, text=text)
        return await self._order("describe", key, room, text)

    @wire.SetRole.responder
    async def set_role(self, key: bytes, room: str | None, to: str, role: str) -> dict[str, Any]:
        self._note("SetRole", key=key, room=room, to=to, role=role)
        return await self._order("role", key, room, role, to)

    @wire.Ban.responder
    async def ban(
        self, key: bytes, room: str | None, to: str, until: int | None, mute: bool, reason: str | None
    ) -> dict[str, Any]:
        self._note("Ban", key=key, room=room, to=to, until=until, mute=mute, reason=reason)
        return await self._order("mute" if mute else "ban", key, room, reason, to)

    @wire.Unban.responder
    async def unban(self, key: bytes, room: str | None, to: str, reason: str | None) -> dict[str, Any]:
        self._note("Unban", key=key, room=room, to=to, reason=reason)
        return await self._order("unban", key, room, reason, to)

    @wire.SetPolicy.responder
    async def set_policy(self, key: bytes, room: str | None, name: str, value: str) -> dict[str, Any]:
        self._note("SetPolicy", key=key, room=room, name=name, value=value)
        self.cluster.policies[name] = value
        return await self._order("policy", key, room, f"{name} {value}")

    @wire.Policies.responder
    def policies(self, room: str | None) -> dict[str, Any]:
        self._note("Policies", room=room)
        return {"policies": list(self.cluster.policies.items())}

    @wire.Block.responder
    async def block(self, key: bytes, to: str) -> dict[str, Any]:
        self._note("Block", key=key, to=to)
        return await self._order("block", key, self.user, "", to)

    @wire.Unblock.responder
    async def unblock(self, key: bytes, to: str) -> dict[str, Any]:
        self._note("Unblock", key=key, to=to)
        return await self._order("unblock", key, self.user, "", to)

    async def _order(
        self, kind: KindName, key: bytes, room: str | None, text: str | None, to: str = ""
    ) -> dict[str, Any]:
        if to and to not in self.cluster.secrets:
            raise NoSuchUser.of(name=to)
        more = More(to=to) if to else None
        return {"seq": await _seq(self._draft(kind, room or "", text or "", key, more))}

    @wire.Redact.responder
    async def redact(self, key: bytes, seq: int, check: bytes, reason: str | None) -> dict[str, Any]:
        self._note("Redact", key=key, seq=seq, check=check, reason=reason)
        if not (
            0 < seq <= self.cluster.head and is_of(check, self.cluster.log_id, self.cluster.entries[seq - 1])
        ):
            raise NoSuchPost.of()
        return {"seq": self.cluster.take_back(self.user, seq, reason or "", key)}

    @wire.Purge.responder
    async def purge(self, key: bytes, room: str | None, to: str, reason: str | None) -> dict[str, Any]:
        self._note("Purge", key=key, room=room, to=to, reason=reason)
        return await self._order("purge", key, room, reason, to)

    @wire.Forget.responder
    async def forget(self, key: bytes, secret: bytes) -> dict[str, Any]:
        self._note("Forget", key=key, secret=secret)
        if secret != self.cluster.secrets[self.user]:
            raise WrongSecret(WrongSecret.sentence)
        for session in list(self.cluster.sessions):
            session.end("FORGOTTEN", Forgotten.of(name=self.user).args[0])
        return await Deferred()

    @wire.ReportPost.responder
    async def report(self, key: bytes, seq: int, check: bytes, reason: str | None) -> dict[str, Any]:
        self._note("ReportPost", key=key, seq=seq, check=check, reason=reason)
        more = More(ref=Ref(seq, check))
        return {"seq": await _seq(self._draft("report", self.user, reason or "", key, more))}

    @wire.WhoIs.responder
    def who_is(self, name: str) -> dict[str, Any]:
        """Everybody is an admin, and in the rooms that this user has joined, but who is blocked there."""
        self._note("WhoIs", name=name)
        if name not in self.cluster.secrets:
            raise NoSuchUser.of(name=name)
        blocked = any(entry.kind == "block" and entry.to == name for entry in self.cluster.entries)
        rooms = [] if blocked else list(self.cluster.joined)
        told = {"since": self.cluster.time, "role": "" if blocked else "admin", "blocked": blocked}
        return {**told, "rooms": rooms, "more": False}

    @wire.Invitations.responder
    def invitations(self, after: str) -> dict[str, Any]:
        """Answer pages of seven."""
        found = [one for one in self.cluster.invitations if one.room > after]
        return {"invitations": found[:7], "more": len(found) > 7}

    @wire.Reported.responder
    def reported(self, seq: int) -> dict[str, Any]:
        self._note("Reported", seq=seq)
        ref = self.cluster.entries[seq - 1].ref
        post = None if ref is None else self.cluster.entries[ref.seq - 1]
        if post is None or not post.text:
            raise NoSuchPost.of()
        return {"post": post}

    @wire.Members.responder
    def members(self, room: str, after: str) -> dict[str, Any]:
        """Answer pages of two."""
        self._note("Members", room=room, after=after)
        members = [member for member in self.cluster.members if member.name > after]
        return {"members": members[:2], "more": len(members) > 2, "about": self.cluster.about}

    @wire.Conversations.responder
    def conversations(self, after: str) -> dict[str, Any]:
        """Answer pages of two."""
        self._note("Conversations", after=after)
        newest = {entry.room: entry.seq for entry in self.cluster.entries if self.user in sides(entry.room)}
        talks = sorted((spelled_for(room, self.user), seq) for room, seq in newest.items())
        talks = [talk for talk in talks if talk[0] > after]
        return {"conversations": [Talk(*talk) for talk in talks[:2]], "more": len(talks) > 2}

    @wire.SetSecret.responder
    async def set_secret(self, key: bytes, old: bytes, secret: bytes) -> dict[str, Any]:
        self._note("SetSecret", key=key, old=old, secret=secret)
        known = any(entry.key == key for entry in self.cluster.entries)
        if not known and self.cluster.secrets[self.user] != old:
            raise WrongSecret("That is not your present secret; it was not changed.")
        self.cluster.secrets[self.user] = secret
        self.cluster.tickets = {t: user for t, user in self.cluster.tickets.items() if user != self.user}
        seq = await _seq(self._draft("secret", self.user, "", key))
        self.cluster.tickets[b"new ticket"] = self.user
        return {"ticket": b"new ticket", "seq": seq}

    @wire.List.responder
    def list_rooms(self, prefix: str, after: str, mine: bool | None) -> dict[str, Any]:
        """Answer pages of two."""
        self._note("List", prefix=prefix, after=after)
        every = self.cluster.joined if mine else self.cluster.secrets
        names = sorted(name for name in every if name.startswith(prefix) and name > after)
        joined = [name for name in names[:2] if name in self.cluster.joined]
        return {"rooms": names[:2], "joined": joined, "more": len(names) > 2}

    @wire.History.responder
    def history(self, room: str, before: int | None) -> dict[str, Any]:
        self._note("History", room=room, before=before)
        where = fold_for(room, self.user)
        posts = [
            e for e in _posts(self.cluster.entries) if e.room == where and (before is None or e.seq < before)
        ]
        return {"posts": posts[-20:]}

    @wire.Earlier.responder
    def earlier(self, before: int | None) -> dict[str, Any]:
        self._note("Earlier", before=before)
        posts = [e for e in _posts(self.cluster.entries) if before is None or e.seq < before]
        return {"posts": posts[-20:]}

    @wire.Mark.responder
    def mark(self, room: str, seq: int) -> dict[str, Any]:
        if room != self.user and room not in self.cluster.joined:
            raise NotJoined.of(room=room)
        self.cluster.marked.append((room, seq))
        return {}

    @wire.Unread.responder
    def unread(self, after: str) -> dict[str, Any]:
        """Answer pages of two, in the order of what the log calls the rooms."""

        def as_kept(room: str) -> str:
            return talk(self.user, room[1:]) if room[:1] == "@" else room

        found = sorted(self.cluster.unread_of(self.user), key=lambda row: as_kept(row[0]))
        rooms = [row for row in found if as_kept(row[0]) > as_kept(after)]
        since = [self.cluster.since.get(room, 0) for room, _, _ in rooms[:2]]
        return {"rooms": rooms[:2], "more": len(rooms) > 2, "since": since if self.cluster.since else None}

    @wire.Chat.responder
    def chat(self, cursor: int | None, check: bytes | None) -> dict[str, Any]:
        self._note("Chat", cursor=cursor)
        is_known = cursor is None or Cursor(cursor, check or b"") == self.cluster.at(cursor)
        if cursor is not None and not (is_known and cursor <= self.cluster.head):
            raise CursorAhead.of(cursor=cursor)
        posts = list(_posts(self.cluster.entries))[-20:] if cursor is None else []
        self.cursor = self.cluster.head if cursor is None else cursor
        self.cluster.network.callLater(0, self.catch_up)
        return {"posts": posts, "cursor": self.cursor, "check": self.cluster.at(self.cursor).check}

    @wire.Unchat.responder
    def unchat(self) -> dict[str, Any]:
        self._note("Unchat")
        self.cursor = None
        return {}


async def _seq(answer: Deferred[int] | int) -> int:
    return answer if isinstance(answer, int) else await answer


def _posts(entries: Iterable[Entry]) -> Iterable[Entry]:
    return (entry for entry in entries if entry.kind in SAID)
