"""A worker's IRC in memory, and clients of it that send lines."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any, NamedTuple, cast

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from worker.conftest import Worker

from chatnet.master.imprints import KnownImprints
from chatnet.master.presence import Presence as PrimarysPresence
from chatnet.master.registry import Registration
from chatnet.master.typists import Typists as PrimarysTypists
from chatnet.store.window import Window
from chatnet.testing.loopback import Loopback
from chatnet.testing.memory_log import MemoryLog
from chatnet.wire.cluster import WorkerIdentity
from chatnet.wire.imprints import TellImprints
from chatnet.wire.typists import TellTypists
from chatnet.worker.front import Shared
from chatnet.worker.fronts.irc.front import Irc
from chatnet.worker.fronts.irc.settings import IrcSettings
from chatnet.world import Clocks

SERVER = "irc.example"
PASSWORD = "correct horse"


class Heard(NamedTuple):
    """A line that a client got."""

    tags: dict[str, str]
    source: str
    command: str
    params: list[str]

    @property
    def text(self) -> str:
        """The last parameter."""
        return self.params[-1]

    @property
    def nick(self) -> str:
        """Whom it is from."""
        return self.source.partition("!")[0]

    @property
    def shown(self) -> str:
        """The line without its tags and its source."""
        return " ".join([self.command, *self.params])


def parsed(raw: bytes) -> Heard:
    """Return a line as a client reads it. It is strict: nothing that a server must not send is read."""
    line = raw.decode()
    tags: dict[str, str] = {}
    if line.startswith("@"):
        said, _, line = line[1:].partition(" ")
        for one in said.split(";"):
            key, _, value = one.partition("=")
            assert re.fullmatch(r"\+?[a-zA-Z0-9./-]+", key), raw
            assert key not in tags, raw
            tags[key] = value.replace(r"\s", " ").replace(r"\:", ";").replace("\\\\", "\\")
    assert len(line.encode()) <= 510, raw
    source = ""
    if line.startswith(":"):
        source, _, line = line[1:].partition(" ")
    head, colon, last = line.partition(" :")
    assert "  " not in head, raw
    words = head.split(" ")
    return Heard(tags, source, words[0], words[1:] + ([last] if colon else []))


class IrcStage:
    """The IRC of ``worker``."""

    def __init__(self, worker: Worker, **said: Any) -> None:
        self.worker = worker
        clocks = Clocks(worker.clock, worker.clock.seconds, worker.clock.seconds)
        self.shared = Shared(worker.outboxes, worker.pulse, worker.visitors, worker.others)
        said.setdefault("name", SERVER)
        self.irc = Irc(self.shared, IrcSettings(clocks, worker.entropy, **said))

    def line(self, host: str = "127.0.0.1") -> IrcLine:
        """Return a new connection, from ``host``."""
        return IrcLine(self, host)

    def user(self, name: str, *caps: str, password: str = PASSWORD) -> IrcLine:
        """Return a connection of a user, who is registered if they are not, with these capabilities on; what
        it heard until then is taken out."""
        line = self.line()
        line.log_in(name, *caps, password=password)
        assert [one for one in line.heard if one.command == "001"], line.heard
        line.take()
        return line

    def everything(self, name: str, *without: str) -> IrcLine:
        """Return a connection of a user with all capabilities on, but for these."""
        return self.user(name, *(cap for cap in self.irc.offered if cap not in (*without, "sts")))


class Lane:
    """A process's link to the primary, for what it is told beside the log."""

    def __init__(
        self,
        primary: PrimarysPresence,
        known: KnownImprints,
        typing: PrimarysTypists,
        worker: Worker,
        id: str,
    ) -> None:
        self.full = False
        self.told = self.typed = 0
        self.presence = worker.sessions.presence
        self.imprints = worker.sessions.secrets.imprints
        self.typists = worker.sessions.typists
        self.primary = primary
        self.known = known
        self.typing = typing
        self.me: Registration[Any] = Registration(WorkerIdentity(id, "here", 1, "0.0.0.0:5", False, 0), self)
        self.presence.attached(cast(Any, self))
        self.imprints.attached(cast(Any, self), wants=id != "chat")
        self.typists.attached(cast(Any, self))

    def callRemote(self, command: Any, **arguments: Any) -> None:
        command.makeArguments(arguments, None)
        self.told += command is TellImprints
        self.typed += len(arguments.get("typists", ()))
        lanes: dict[Any, Any] = {TellImprints: self.known, TellTypists: self.typing}
        lanes.get(command, self.primary).told(self.me, **arguments)

    def cut(self) -> None:
        """Lose the link."""
        self.presence.detached()
        self.imprints.detached()
        self.typists.detached()
        self.primary.lost(self.me)
        self.known.lost(self.me)
        self.typing.lost(self.me)


class Behind:
    """A log in memory as another process follows it: with a window of its own, which may lag."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.window = Window(log.log_id)
        self.lagging = False
        log.window.watch(self._grown)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def _grown(self, entries: object) -> None:
        if not self.lagging:
            self.catch_up()

    def catch_up(self) -> None:
        """Bring the window to where that of the log is."""
        self.window.extend(self._log.entries[self.window.head : self._log.window.head])


class Fronts:
    """Two IRC fronts and a worker on one log, and their primary. Each has its own users. The second one is
    ``behind``, if it is to be able to."""

    def __init__(self, is_behind: bool = False, **said: Any) -> None:
        self.one = IrcStage(Worker(), **said)
        worker, clock, log = self.one.worker, self.one.worker.clock, self.one.worker.log
        self.behind = Behind(log)
        followed = cast(MemoryLog, self.behind) if is_behind else log
        self.two = IrcStage(Worker(clock=clock, log=followed, threads=worker.threads), **said)
        self.worker = Worker(clock=clock, log=log, threads=worker.threads)
        for at, each in enumerate((self.two.worker, self.worker), 1):
            each.more = at * 1_000_000  # no two processes choose the same keys
        self.clock = clock
        settles = [one.settle for one in (worker, self.two.worker, self.worker)]

        def settle() -> None:
            for one in settles:
                one()
            settles[0]()

        for each in (worker, self.two.worker, self.worker):
            each.settle = settle  # type: ignore[method-assign]
        self.begin()

    def begin(self) -> None:
        """Have another primary."""
        self.primary = PrimarysPresence(self.clock, self._told)
        self.known = KnownImprints(self.clock, lambda to, some: cast(Any, to).link.imprints.told(some))
        self.typing = PrimarysTypists(self.clock, lambda to, some: cast(Any, to).link.typists.told(some))
        self.lanes = [
            Lane(self.primary, self.known, self.typing, worker, id)
            for id, worker in (("one", self.one.worker), ("two", self.two.worker), ("chat", self.worker))
        ]

    def _told(self, to: Registration[Any], begins: bool, goes_on: bool, people: Any) -> None:
        to.link.presence.told(people, begins, goes_on)

    def pass_time(self, seconds: float = 2.0) -> None:
        """Let time pass; two seconds are enough for everybody to be told."""
        self.one.worker.pass_time(seconds)


class IrcLine(Protocol):
    """A client's end of one connection. ``heard`` are the lines that it got and that were not taken out."""

    def __init__(self, stage: IrcStage, host: str) -> None:
        self.stage = stage
        self.heard: list[Heard] = []
        self.raw = b""
        self.is_open = True
        self.server: Any = stage.irc.connection(stage.worker.entrance)
        stage.worker.visitors.came(self.server, host)
        self.wire = Loopback(self, self.server, host)
        stage.worker.clients.append(self)  # type: ignore[arg-type]

    def dataReceived(self, data: bytes) -> None:
        *lines, self.raw = (self.raw + data).split(b"\r\n")
        self.heard += map(parsed, lines)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.is_open = False

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.wire.client_transport.write(data)
        self.stage.worker.settle()

    def say(self, *lines: str) -> None:
        """Send lines."""
        self.send("".join(f"{line}\r\n" for line in lines).encode())

    def take(self) -> list[Heard]:
        """Return what it heard, and forget it."""
        heard, self.heard = self.heard, []
        return heard

    def ask(self, *lines: str) -> list[Heard]:
        """Send lines; return what is heard until they are answered."""
        self.say(*lines)
        return self.take()

    def shown(self, *lines: str) -> list[str]:
        """Send lines; return what is heard, without tags and sources."""
        return [one.shown for one in self.ask(*lines)]

    def texts(self) -> list[str]:
        """Return who has said what to whom, of all that it heard and that was not taken out."""
        return [f"{one.nick} {one.params[0]} {one.text}" for one in self.heard if one.command == "PRIVMSG"]

    def log_in(self, name: str, *caps: str, password: str = PASSWORD) -> None:
        """Log in by SASL, or by PASS if no capability is asked for."""
        if not caps:
            self.say(f"PASS :{password}", f"NICK {name}", f"USER {name} 0 * :{name}")
        else:
            self.say("CAP LS 302", f"CAP REQ :{' '.join({'sasl': '', **dict.fromkeys(caps)})}")
            self.say(f"NICK {name}", f"USER {name} 0 * :{name}", "AUTHENTICATE PLAIN")
            self.say(f"AUTHENTICATE {plain(name, password)}", "CAP END")
        self.stage.worker.work()

    def cut(self) -> None:
        """Lose the connection."""
        if self.is_open:
            self.wire.cut()
        self.stage.worker.clients.remove(self)  # type: ignore[arg-type]
        self.stage.worker.settle()


def plain(name: str, password: str = PASSWORD, acts_as: str = "") -> str:
    """Return a message of SASL's PLAIN."""
    return b64encode(f"{acts_as}\0{name}\0{password}".encode()).decode()
