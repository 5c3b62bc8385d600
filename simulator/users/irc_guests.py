"""Guests: users who speak IRC, and have no account.

Each takes another nick now and then, and now and then logs in, on the same connection: with a name that it
registers by that, or as the user whose nick it had. What it said behind such a line was said by the one or
the other, as the answer tells. When its connection is lost it comes again, with whatever nick is free.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from functools import partial
from typing import Any

from chatnet.client.states import Found
from chatnet.names import GUEST, is_guest
from chatnet.testing import history
from chatnet.testing.recorded import RecordedIdentity, Recorder
from simulator.users.irc_arriving import Arriving, NickTaken
from simulator.users.irc_lines import IrcLine
from simulator.users.irc_talk import PLAIN, PLAYBACK, TIMED, Answer, Talk
from simulator.users.irc_user import REGISTERED_BY_GUESTS, IrcUser
from simulator.users.port import Home
from simulator.workload import CALLED, SOMEBODY_ELSE

NICKS = ("wanderer", "pilgrim", "nomad", *REGISTERED_BY_GUESTS)
"""Nicks that guests take, beside their first."""
HOMES = ("traveller", "hermit")
"""The accounts to which guests log in, whoever they are; they register them by that."""
FIRST_NICK = 0.5
"""How often a guest comes by its first nick, if that is free."""
RENAMES = 0.6
"""How often a guest that is to be somebody else takes another nick; else it logs in."""
QUERIES = 0.15
"""How often what it says is for somebody alone."""


def password_of(account: str) -> str:
    """Return the password of an account that guests have registered."""
    return f"the door of {account} is blue"


class IrcGuest(IrcUser):
    """One guest of ``home``, whose ``name`` is what it is called now."""

    def __init__(self, home: Home, record: Recorder) -> None:
        super().__init__(home, record)
        self._first = self.name
        self._asks, self._device = PLAIN, ""
        if self._chance.random() < 0.6:
            self._asks = TIMED | ({PLAYBACK} if self._chance.random() < 0.5 else frozenset())

    # ---- coming ----

    async def _log_in(self, line: Any, found: Found, identity: RecordedIdentity) -> None:
        nicks = self._chance.sample(NICKS, len(NICKS))
        nicks.insert(0 if self._chance.random() < FIRST_NICK else 1, self._first[1:])
        self.name = GUEST + nicks[0]
        self._arriving = arriving = Arriving(self.name, line, self.is_welcome)
        asks = ["CAP LS 302", f"CAP REQ :{' '.join(sorted(self._asks))}"] if self._asks else []
        ends = ["CAP END"] if self._asks else []
        line.say(*asks, f"NICK {nicks[0]}", f"USER {self._first[1:]} 0 * :a guest", *ends)
        for nick in nicks[1:]:
            try:
                await arriving.until("001")
                return
            except NickTaken:
                self.name = GUEST + nick
                line.say(f"NICK {nick}")
        await arriving.until("001")

    def is_welcome(self, line: IrcLine) -> None:
        if self.name != self._first:
            self._record.of(self._connections + 1, self.name)(history.Started)
        super().is_welcome(line)

    # ---- what it can be told ----

    def post(self, text: str, room: str | None = None) -> None:
        talk = self._talk
        if talk is not None and (not is_guest(self.name) or talk.is_becoming):
            talk = None  # it is not to change
        if text.startswith(CALLED):
            if talk is not None:
                self._is_called(talk, text.removeprefix(CALLED))
            return
        if text == SOMEBODY_ELSE and talk is not None:
            if self._chance.random() < RENAMES:
                self._takes_a_nick(talk)
            else:
                self._logs_in(talk)
        if self._met and self._chance.random() < QUERIES:
            room = self._met[self._chance.choice(sorted(self._met))]
        super().post(text, room)

    def _takes_a_nick(self, talk: Talk) -> None:
        self._is_called(talk, self._chance.choice((self._first[1:], *NICKS)))

    def _is_called(self, talk: Talk, nick: str) -> None:
        if GUEST + nick != self.name:
            self._becomes(talk, "NICK", nick, GUEST + nick)

    def _logs_in(self, talk: Talk) -> None:
        """Register the nick that it has, or log in to another account."""
        nick = self.name[1:]
        if nick in REGISTERED_BY_GUESTS and self._chance.random() < 0.7:
            self._becomes(talk, "REGISTER", f"* * :{password_of(nick)}", nick)
            return
        account = self._chance.choice((*HOMES, *REGISTERED_BY_GUESTS))
        talk.say("AUTHENTICATE", "PLAIN", None, self._proves(talk, account))

    def _proves(self, talk: Talk, account: str) -> Callable[[Answer], object]:
        said = b64encode(f"\0{account}\0{password_of(account)}".encode()).decode()

        def prove(answer: Answer) -> None:
            if not (answer.code or talk.is_over or talk.is_becoming) and is_guest(self.name):
                self._becomes(talk, "AUTHENTICATE", said, account)

        return prove

    def _becomes(self, talk: Talk, command: str, rest: str, user: str) -> None:
        self._connections += 1
        record = self._record.of(self._connections, user)
        talk.say_to_become(command, rest, user, record, partial(setattr, self, "name"))
