"""A hostile client: everything that somebody can do who knows where the cluster is, and has a name there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, cast

from OpenSSL import SSL
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.protocols.amp import AmpBox

from chatnet.addresses import Address, parse_masters
from chatnet.client.finder import DIAL_SECONDS, Finder
from chatnet.client.identity import config_directory
from chatnet.client.known_masters import KnownMasters
from chatnet.client.race import Unreachable
from chatnet.client.trust import Trust
from chatnet.cursor import Cursor
from chatnet.errors import ChatnetError
from chatnet.net.dial import NotTrusted, dial_any
from chatnet.net.link import Link
from chatnet.net.locator import Locator
from chatnet.net.outbox import Outboxes
from chatnet.wire.common import NONCE_BYTES, PROOF_BYTES, VERSION, Challenge, Prove
from chatnet.wire.session import Login
from chatnet.world import World

NAME, SECRET = "intruder", b"the intruder's very own secret.."
STEP_SECONDS = 0.2
"""Seconds between two actions."""
STEPS = 20
"""How often something is done on a connection before it begins again."""
MANY = 10
"""How many boxes, or connections, at once."""
READ_BYTES = 1024
"""More bytes than a greeting has."""
STORM = 120
"""How many handshakes at once: as many as a port has strangers of one address."""


class Hostile(Service):
    """Does one thing, a method of this class, again and again for some seconds; then it ends."""

    _logger = Logger()
    _log_id = ""

    def __init__(self, arguments: Sequence[str], world: World, encrypted: bool = False) -> None:
        masters, self._tactic, seconds = arguments
        self._masters = parse_masters(masters)
        self._seconds = float(seconds)
        self._world = world
        self._is_encrypted = encrypted
        directory = config_directory(world.environ)
        trust = Trust(world.tls, KnownMasters(world.files, directory, world.reactor)) if encrypted else None
        self._finder = Finder(world.reactor, Outboxes(world.reactor), self._masters, trust)
        self._links: list[Link] = []

    def startService(self) -> None:
        super().startService()
        Deferred.fromCoroutine(self._run()).addErrback(
            lambda why: self._logger.failure("The hostile client failed", why)
        )

    async def _run(self) -> None:
        self._world.reactor.callLater(self._seconds, self._world.processes.exit, 0)
        while True:
            try:
                await getattr(self, self._tactic)()
            except (ChatnetError, ConnectionClosed, Unreachable, NotTrusted):
                await self._pause()
            for link in self._links:
                link.abort()
            self._links.clear()

    # ---- strangers ----

    async def half_open(self) -> None:
        """Connect, send nothing or half a box, and stay."""
        for number in range(MANY):
            link = await self._dial(number % 2 == 0)
            self._write(link, [b"", b"\0\x08_comm", b"\0\x08_command\xff\xff" + bytes(3_000)][number % 3])
        for _ in range(STEPS):
            await self._pause()

    async def begin_handshakes(self) -> None:
        """Begin handshakes on many connections, and do nothing more there."""
        if not self._is_encrypted:
            await self.half_open()
            return
        to_master = self._world.chance.random() < 0.5
        address = self._masters[0] if to_master else (await self._finder.find(lambda found: True)).worker
        for _ in range(STORM):
            Deferred.fromCoroutine(self._greet(address)).addErrback(lambda why: None)
        for _ in range(STEPS):
            await self._pause()

    async def prove_wrongly(self) -> None:
        """Guess the token."""
        link = await self._dial(True)
        for _ in range(STEPS):
            nonce = self._world.entropy(NONCE_BYTES)
            await link.callRemote(Challenge, version=VERSION, nonce=nonce)
            try:
                await link.callRemote(Prove, role="worker", proof=self._world.entropy(PROOF_BYTES))
            except ChatnetError:
                await self._pause()

    async def talk_nonsense(self) -> None:
        """Send unknown commands that want no answer."""
        for to_master in (True, False):
            link = await self._dial(to_master)
            await self._say(link, [AmpBox(_command=b"\x1b[2J" * 60)] * MANY)

    async def send_large_boxes(self) -> None:
        """Send boxes of the greatest size, larger ones, and ones with very many keys."""
        link = await self._dial(self._world.chance.random() < 0.5)
        keys = AmpBox({b"k%d" % number: b"" for number in range(5_000)}, _command=b"Ping")
        await self._say(link, [AmpBox(_command=b"Login", name=b"x" * 65_535), keys])

    # ---- a user ----

    async def chat_again(self) -> None:
        """Begin to chat from the log's beginning before the last chat was answered; read nothing."""
        link = await self._log_in()
        link.transport.pauseProducing()
        beginning = Cursor.beginning(self._log_id)
        await self._say(link, [AmpBox(_command=b"Chat", cursor=b"0", check=beginning.check)] * MANY)

    async def read_nothing(self) -> None:
        """Ask for much, and do not read the answers."""
        link = await self._log_in()
        link.transport.pauseProducing()
        asked = [
            AmpBox(_command=name, _ask=b"1", prefix=b"", after=b"", room=NAME.encode()) for name in _READS
        ]
        await self._say(link, asked * (MANY // len(_READS)))

    async def resume_again(self) -> None:
        """Resume by ticket, and leave before the answer."""
        ticket = await self._ticket(await self._dial(False))
        for _ in range(STEPS):
            link = await self._dial(False)
            self._write(
                link, _serialized([AmpBox(_command=b"Resume", version=b"%d" % VERSION, ticket=ticket)])
            )
            await self._pause()
            link.abort()

    async def post_fast(self) -> None:
        """Post as fast as possible, on several connections."""
        links = [await self._log_in() for _ in range(3)]
        for _ in range(STEPS):
            for link in links:
                self._write(link, _serialized(islice(self._posts(), MANY)))
            await self._pause()

    # ---- how ----

    def _posts(self) -> Iterator[AmpBox]:
        while True:
            yield AmpBox(_command=b"Post", key=self._world.entropy(16), text=b"nonsense #nonsense")

    async def _say(self, link: Link, boxes: Sequence[AmpBox]) -> None:
        said = _serialized(boxes)
        for _ in range(STEPS):
            if link.transport is None:
                return
            self._write(link, said)
            await self._pause()

    async def _greet(self, address: Address) -> None:
        """Begin a handshake."""
        reactor = self._world.reactor
        link = await dial_any(reactor, address, lambda: Link(Locator(), Outboxes(reactor)), DIAL_SECONDS)
        self._links.append(link)
        connection = self._world.tls.in_cluster().clientConnectionForTLS(cast(Any, None))
        connection.set_connect_state()
        with suppress(SSL.WantReadError):
            connection.do_handshake()
        self._write(link, connection.bio_read(READ_BYTES))

    def _write(self, link: Link, said: bytes) -> None:
        if link.transport is not None:
            link.transport.write(said)

    async def _log_in(self) -> Link:
        link = await self._dial(False)
        await self._ticket(link)
        return link

    async def _ticket(self, link: Link) -> bytes:
        answer = await link.callRemote(Login, version=VERSION, name=NAME, secret=SECRET, new=True)
        self._log_id = answer["log"]
        ticket: bytes = answer["ticket"]
        return ticket

    async def _dial(self, to_master: bool) -> Link:
        if to_master:
            creator = self._world.tls.in_cluster() if self._is_encrypted else None
            link = await self._finder.dial(self._masters[0], Locator(), None, creator=creator)
        else:
            found = await self._finder.find(lambda found: True)
            link = await self._finder.reach(found.worker, found.key, found.encrypted, Locator(), None)
        self._links.append(link)
        return link

    async def _pause(self) -> None:
        await deferLater(self._world.reactor, STEP_SECONDS)


_READS = (b"History", b"List", b"Chat")


def _serialized(boxes: Any) -> bytes:
    return b"".join(box.serialize() for box in boxes)


TACTICS = (
    "half_open",
    "begin_handshakes",
    "prove_wrongly",
    "talk_nonsense",
    "send_large_boxes",
    "chat_again",
    "read_nothing",
    "resume_again",
    "post_fast",
)
"""Everything that it can do."""
