"""Wires a client together, and ends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatnet.addresses import Address
from chatnet.client.calendar import Calendar
from chatnet.client.chattest import Ladder
from chatnet.client.commands import Interpreter
from chatnet.client.connection import Connection
from chatnet.client.feed import Feed
from chatnet.client.finder import Finder
from chatnet.client.identities import Identities
from chatnet.client.identity import config_directory
from chatnet.client.known_masters import KnownMasters
from chatnet.client.line import LineTerminal
from chatnet.client.marks import ShownPosts
from chatnet.client.server_time import ServerTime
from chatnet.client.settings import ClientSettings
from chatnet.client.terminal import Terminal, Unreadable
from chatnet.client.text import one_line
from chatnet.client.trust import Trust
from chatnet.client.typed import Typed
from chatnet.codes import FORM, looks_like_code
from chatnet.command_lines import ChatCommand
from chatnet.credentials import as_typed
from chatnet.errors import BadCode, BadSecret, CannotStart
from chatnet.form import MAX_LABEL
from chatnet.limits import Rhythm
from chatnet.net.outbox import Outboxes
from chatnet.net.pulse import Pulse
from chatnet.options import find_masters
from chatnet.world import Processes, Stdio, World, stop_soon

PULSE = Rhythm(tick=1.0, every=15.0, patience=45.0)
"""How a client watches its worker."""
FLUSH_SECONDS = 1.0
"""Seconds that a stopped client waits for its last lines to be read."""


NO_PASSWORD, NO_CODE = "No password was given.", "No code was given."
CODE_VARIABLE = "CHATNET_CODE"
"""The environment variable for a code: other users of the machine cannot read it there."""


class OpenTerminal(Terminal, Protocol):
    """A terminal that can be opened and closed."""

    def open(self, stdio: Stdio) -> None:
        """Take over the terminal."""

    def close(self) -> Deferred[None]:
        """Release the terminal; fires when everything shown has been written."""


class Client(Service):
    """One user at one terminal."""

    _logger = Logger()

    def __init__(
        self,
        reactor: Any,
        processes: Processes,
        stdio: Stdio,
        name: str,
        connection: Connection,
        terminal: OpenTerminal,
        ladder: Ladder,
        asks_for: str,
        settings: ClientSettings,
        code: str = "",
    ) -> None:
        self._code, self._asks_for = code, asks_for
        self._reactor = reactor
        self._processes = processes
        self._stdio = stdio
        self._name = name
        self._connection = connection
        self._terminal = terminal
        self._marks = ShownPosts(connection.mark, reactor)
        self._interpreter = Interpreter(connection, terminal, ladder, self._ended, self._marks, settings)
        self._leaving: Deferred[None] | None = None
        self._talking: Deferred[None] | None = None

    def startService(self) -> None:
        try:
            self._start()
        except CannotStart as cannot:
            # Standard error goes into twistd's log by now.
            self._stdio.error(one_line(str(cannot)))
            raise

    def _start(self) -> None:
        is_asked = self._asks_for == "password" and self._stdio.is_keyboard()
        password = self._ask_password() if is_asked else None
        try:
            self._terminal.open(self._stdio)
        except OSError as error:
            raise CannotStart(f"The terminal cannot be had ({error.strerror}).") from error
        super().startService()
        self._talking = Deferred.fromCoroutine(self._talk(password)).addErrback(self._failed)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._talking is None:
            return
        undone = self._interpreter.undone() if self._leaving is None else 0
        self._talking.cancel()
        self._marks.flush()
        if undone:
            self._leave(f"Left before all was acknowledged: {_not_done(undone)}")
        await self._terminal.close().addTimeout(FLUSH_SECONDS, self._reactor, lambda *_: None)
        self._stdio.restore()
        await self._connection.stop()

    def _ask_password(self) -> bytes:
        try:
            return as_typed(self._stdio.ask_password(f"Password of {self._name}: "))
        except BadSecret as error:
            raise CannotStart(str(error)) from error
        except (EOFError, KeyboardInterrupt) as error:
            raise CannotStart(NO_PASSWORD) from error
        except (OSError, UnicodeError) as error:
            raise CannotStart(f"The password cannot be read ({error}).") from error

    async def _talk(self, password: bytes | None) -> None:
        try:
            if self._asks_for == "password" and password is None:
                password = _password(await self._terminal.read())
            elif self._asks_for == "code" and not self._code:
                self._code = await self._typed_code()
        except (BadSecret, BadCode) as error:
            self._ended(str(error))
            return
        self._connection.start(self._interpreter, password, self._code)
        await self._interpreter.run()

    async def _typed_code(self) -> str:
        """Return the code that is typed.

        :raises BadCode: there is none.
        """
        if self._terminal.is_attended:
            typed = await self._interpreter.code(f"The code for {self._name}:")
        else:
            line = await self._terminal.read()
            typed = line.text.strip() if isinstance(line, Typed) else ""
        if not looks_like_code(typed):
            raise BadCode(FORM if typed else NO_CODE)
        return typed

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._logger.failure("The terminal failed", failure)
            self._ended("The client failed; its log says why.")

    def _ended(self, sentence: str | None) -> None:
        """Leave: the interpreter has finished, or the connection has ended."""
        undone = self._interpreter.undone() if sentence is not None else 0
        self._leave(f"{sentence} {_not_done(undone)}" if undone else sentence)

    def _leave(self, sentence: str | None) -> None:
        if self._leaving is None:
            self._leaving = self._terminal.close().addCallback(self._gone, sentence)

    def _gone(self, _: None, sentence: str | None) -> None:
        if sentence is not None:
            self._stdio.error(one_line(sentence))
            # A SystemExit raised in a callback is only logged, and the reactor runs on.
            self._reactor.addSystemEventTrigger("after", "shutdown", self._processes.exit, 1)
        if self.running:
            stop_soon(self._reactor)


def _password(line: Typed | Unreadable | None) -> bytes:
    """Return the password in this line.

    :raises BadSecret: there is none.
    """
    if isinstance(line, Typed):
        return as_typed(line.text)
    raise BadSecret(NO_PASSWORD if line is None else line.sentence)


def _not_done(count: int) -> str:
    return f"{count} of what you typed may not have been done."


def build(options: Any, world: World) -> Client:
    """Return a client with these ``options`` (see :mod:`chatnet.client.tap`).

    :raises CannotStart: the environment or the master's address is not usable.
    """
    masters = find_masters(options["master"], world)
    reactor, name = world.reactor, options["name"]
    directory, with_password = config_directory(world.environ), bool(options["password"])
    identities = Identities(
        world.files,
        directory,
        masters,
        name,
        world.entropy,
        makes_secret=not with_password,
        same_cluster=bool(options["same-cluster"]),
        label=options["device"] or world.hostname[:MAX_LABEL],
    )
    trust = None if options["insecure"] else Trust(world.tls, KnownMasters(world.files, directory, reactor))
    server_time = ServerTime(reactor, world.wall)
    connection = Connection(
        Finder(reactor, Outboxes(reactor), masters, trust),
        identities,
        Pulse(reactor, world.monotonic, *PULSE, world.tell),
        reactor,
        world.fresh_key,
        world.chance,
        Feed(),
        server_time,
    )
    calendar = Calendar(world.local, server_time.now)
    return Client(
        reactor,
        world.processes,
        world.stdio,
        name,
        connection,
        _terminal(options, world, connection, masters, calendar),
        Ladder(reactor, world.monotonic),
        asks_for="password" if with_password else "code" if options["with-code"] else "",
        settings=ClientSettings(world.limits.list_pages, calendar, ChatCommand.of(masters, world)),
        code=options["code"] or _code_in(world.environ),
    )


def _code_in(environ: Mapping[str, str]) -> str:
    """Return the code in the environment; empty if there is none.

    :raises CannotStart: what is there is none.
    """
    code = environ.get(CODE_VARIABLE, "").strip()
    if code and not looks_like_code(code):
        raise CannotStart(f"{CODE_VARIABLE} holds no code. {FORM}")
    return code


def _terminal(
    options: Any, world: World, connection: Connection, masters: Sequence[Address], calendar: Calendar
) -> OpenTerminal:
    able = world.stdio.is_terminal() and world.environ.get("TERM", "dumb") != "dumb"
    if able and not options["plain"]:
        from chatnet.client.screen import ScreenTerminal  # scripts need not load the drawing library

        where = ", ".join(map(str, masters))
        return ScreenTerminal(world.reactor, options["name"], where, calendar, connection)
    times = calendar if options["times"] else None
    return LineTerminal(world.reactor, connection.hold, connection.release, times)
