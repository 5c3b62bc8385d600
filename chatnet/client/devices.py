"""The commands about devices and codes: SESSIONS, REVOKE, PAIR, RECOVERY and CODE."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Protocol

from chatnet.client.calendar import Calendar
from chatnet.client.connection import Connection
from chatnet.client.refused import Misused, split
from chatnet.client.terminal import Terminal
from chatnet.codes import MOST_USES, hashes_of, kept
from chatnet.command_lines import ChatCommand
from chatnet.errors import WrongSecret
from chatnet.names import fold_name, fold_room
from chatnet.options import a_time
from chatnet.text import legible
from chatnet.wire.session import MakeCode, Pair, Recovery, Revoke, Sessions

USES, LASTS = 20, "7d"
"""For how many a code of CODE is, and for how long, if nothing else was typed."""
_REVOKE = "REVOKE takes the number of a session, which SESSIONS shows: REVOKE NUMBER."
_CODE = "CODE takes for how many, for how long, and perhaps private rooms: CODE 20 7d &ROOM."
USAGES = {"REVOKE": _REVOKE, "CODE": _CODE}
"""How each is typed that takes something."""
_NUMBER = re.compile(r"[1-9]\d{0,17}", re.ASCII)
_TIME = re.compile(r"[1-9]\d{0,4}[mhd]", re.ASCII | re.IGNORECASE)


class AskSecret(Protocol):
    """Returns what proves that it is the user: what is kept here, or the password, for which it asks if
    nothing is kept, or if it shall be ``typed``; None if none is given."""

    def __call__(self, typed: bool = False) -> Awaitable[bytes | None]: ...


class Devices:
    """Runs these commands on one terminal. A code is made here, and nothing but its hash is sent."""

    def __init__(
        self,
        connection: Connection,
        terminal: Terminal,
        calendar: Calendar,
        ask_secret: AskSecret,
        chat_command: ChatCommand,
    ) -> None:
        self._connection, self._terminal, self._calendar = connection, terminal, calendar
        self._ask_secret, self._chat_command = ask_secret, chat_command
        self.drafted: dict[str, Callable[[str], Awaitable[None]]] = {
            "REVOKE": self._revoke,
            "PAIR": self._pair,
            "RECOVERY": self._recovery,
            "CODE": self._code,
        }

    async def sessions(self, _: str) -> None:
        """Do SESSIONS: show on which devices the user is logged in."""
        found = (await self._connection.ask(Sessions))["sessions"]
        self._terminal.show("Your sessions, the oldest first:")
        for one in found:
            about = [legible(one.label, 40) or "a device", f"since {self._calendar.stamp(one.since)}"]
            if one.is_this:
                about.append("this one")
            elif one.used:
                about.append(f"last used {self._calendar.stamp(one.used)}")
            if one.scope != "all":
                about.append(f"may only {legible(one.scope, 10)}")
            self._terminal.show(f"\t{one.id}: {', '.join(about)}")

    async def _revoke(self, rest: str) -> None:
        number, name = split(rest, 1, _REVOKE, more=True)
        if not _NUMBER.fullmatch(number):
            raise Misused(_REVOKE)
        to = fold_name(name) if name else None
        await self._connection.draft(Revoke, id=int(number), to=to)
        self._terminal.show(f"Ended session {number}{f' of {to}' if to else ''}.")

    async def _pair(self, _: str) -> None:
        secret = await self._ask_secret()
        if secret is None:
            return
        code = self._connection.fresh_code()
        await self._connection.draft(Pair, code=bytes.fromhex(kept(code)), secret=secret)
        self._terminal.show(f"The code for another device of yours, good once, for ten minutes: {code}")
        self._show_use(self._connection.name)

    async def _recovery(self, _: str) -> None:
        kept_here = self._connection.random_secret
        secret = await self._ask_secret()
        if secret is None:
            return
        codes = self._connection.fresh_recoveries()
        hashed = hashes_of(codes)
        try:
            await self._connection.draft(Recovery, codes=hashed, secret=secret)
        except WrongSecret:
            # What a device keeps may be its own alone, and then the account has another.
            typed = None if kept_here is None else await self._ask_secret(typed=True)
            if typed is None:
                raise
            await self._connection.draft(Recovery, codes=hashed, secret=typed)
        self._terminal.show(
            "Your recovery codes. Each sets a new secret, once, when you have lost yours; keep"
        )
        self._terminal.show(
            "them where nobody else reads. They end the earlier ones, and are never shown again:"
        )
        for code in codes:
            self._terminal.show(f"\t{code}")
        self._show_use(self._connection.name)

    async def _code(self, rest: str) -> None:
        uses, lasts, rooms = USES, LASTS, dict[str, None]()
        for word in rest.split():
            if _NUMBER.fullmatch(word) and int(word) <= MOST_USES:
                uses = int(word)
            elif _TIME.fullmatch(word):
                lasts = word.lower()
            elif word[0] == "&":
                rooms[fold_room(word)] = None
            else:
                raise Misused(_CODE)
        code, until = self._connection.fresh_code(), self._calendar.now() + 1000 * a_time(lasts)
        hashed = bytes.fromhex(kept(code))
        for room in rooms or (None,):
            await self._connection.draft(MakeCode, code=hashed, uses=uses, until=until, room=room)
        many = f"{uses} new names" if uses > 1 else "one new name"
        then = f", who are invited to {' and '.join(rooms)}" if rooms else ""
        self._terminal.show(f"The code for {many}{then}, for {lasts}: {code}")
        self._show_use("NAME")

    def _show_use(self, name: str) -> None:
        for line in self._chat_command.with_code(name):
            self._terminal.show(line)
