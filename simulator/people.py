"""Simulated users: they do what the workload says, with the real client's code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.logger import Logger

from chatnet.addresses import parse_masters
from chatnet.client.identity import config_directory
from chatnet.client.known_masters import KnownMasters
from chatnet.client.trust import Trust
from chatnet.errors import BadCode, CodeNeeded, Forgotten
from chatnet.testing import history
from chatnet.testing.history import Event
from chatnet.testing.recorded import Recorder
from chatnet.testing.user import Choice
from chatnet.world import World
from simulator.users import offers
from simulator.users.port import Home, MakeUser, User
from simulator.workload import Step, guest, owner

AGAIN_SECONDS = 2.0
"""Seconds after which a client that found nobody tries again."""


class Person:
    """A user at one device, who has one client at a time there, made by ``make``.

    A client whose connection ends for good is started again; but one that was let in by a code of ``codes``
    is a guest's. ``passwords`` are those that they have set, the
    one that they believe in last: who ended their client while it was still setting one cannot know.
    ``letters`` are codes that the operator has sent to people, by their names; one for whoever has a new
    name is there under an empty one. ``sheets`` have the recovery codes that people have made, the newest
    last; who uses one does not strike it out.
    """

    def __init__(
        self,
        device: str,
        home: Home,
        keep: Callable[[Event], object],
        now: Callable[[], float],
        passwords: dict[str, list[str]],
        codes: dict[str, str],
        letters: dict[str, str],
        sheets: dict[str, list[str]],
        make: MakeUser,
    ) -> None:
        self._make = make
        self._letters = letters
        self._sheets = sheets
        self._recovers_by = ""
        self._shown = ""
        self._is_new = False
        self._codes = codes
        self._passwords = passwords
        self.name, self._device = home.name, device
        self._home = home
        self._world = home.world
        self._keep_event = keep
        self._now = now
        self._clients = 0
        self.is_forgotten = False
        self._believed: str | None = None
        self.user: User | None = None

    # ---- their state ----

    @property
    def is_settled(self) -> bool:
        """Whether they are connected and reading, and everything they sent is answered."""
        user = self.user
        if self.is_forgotten:
            return True
        return user is not None and user.is_connected and not (user.is_away or user.waiting)

    def has_read(self, seq: int) -> bool:
        """Return whether they have read up to ``seq``, if they read at all."""
        user = self.user
        if user is None or not user.is_chatting:
            return True
        return user.cursor is not None and user.cursor >= seq

    # ---- what they do ----

    def arrive(self) -> None:
        """Start a client."""
        if self.user is None and not self.is_forgotten:
            self.user = self._new_client()
            self._believed = self._known()[-1]
            letter = self._letters.get(self.name, self._letters.get("", "") if self._is_new else "")
            self._shown = self._recovers_by or letter
            self.user.start(self._believed or None, self._shown)

    def arrive_by_code(self) -> None:
        """Start a client on a device that is let in by the code of another one, if there is one."""
        code = self._codes.get(self.name, "")
        if self.user is None and code and not self.is_forgotten:
            self.user = self._new_client()
            self.user.start(None, code)

    def go(self) -> None:
        """End the client for good."""
        user, self.user = self.user, None
        if user is not None:
            user.stop()

    def pair(self) -> None:
        """Make a code for another device."""
        if self.user is not None and self.user.is_connected:
            self.user.pair(partial(self._codes.__setitem__, self.name), self._known()[-1] or None)

    def make_recoveries(self) -> None:
        """Make recovery codes."""
        if self.user is not None and self.user.is_connected:
            sheet = self._sheets.setdefault(self.name, [])
            self.user.recovery(sheet.extend, self._known()[-1] or None)

    def recover(self, back: float) -> None:
        """Lose what lets one in, and come back by a recovery code: one of ``back``, from 0 to 1, of all that
        one has ever made, the newest first."""
        sheet = self._sheets.get(self.name, [])
        if sheet and not (self.is_forgotten or self._recovers_by):
            self._recovers_by = sheet[-1 - int(back * len(sheet))]
            self.begin_anew(0.1)

    def revoke_others(self) -> None:
        """End the sessions on the other devices."""
        if self.user is not None and self.user.is_connected:
            self.user.revoke_others()

    def _new_client(self) -> User:
        self._clients += 1
        record = Recorder(f"{self._device}/{self._clients}", self._keep, self._now)
        return self._make(self._home, record)

    def begin_anew(self, seconds: float) -> None:
        """End the client, and start another after ``seconds``."""
        user, self.user = self.user, None
        if user is not None:
            user.stop().addCallback(lambda _: self._world.reactor.callLater(seconds, self.arrive))

    def chat_anew(self) -> None:
        """Stop reading, and begin again at once."""
        self.unchat()
        self.chat()

    def chat_anew_twice(self) -> None:
        """Stop and begin twice, like somebody who hits keys at random."""
        self.chat_anew()
        self.chat_anew()

    def chat(self) -> None:
        if self.user is not None and not self.user.is_chatting:
            self.user.chat()

    def unchat(self) -> None:
        if self.user is not None and self.user.is_chatting:
            self.user.unchat()

    def hang_up(self, seconds: float) -> None:
        """Lose the connection, and do not reconnect for ``seconds``."""
        if self.user is not None:
            self.user.hang_up()
            self._world.reactor.callLater(seconds, self.user.read_on)

    def lag(self, seconds: float) -> None:
        """Read nothing for ``seconds``."""
        if self.user is not None:
            self.user.stop_reading()
            self._world.reactor.callLater(seconds, self.user.read_on)

    def post(self, text: str, room: str | None = None) -> None:
        if self.user is not None:
            self.user.post(text, room)

    def join(self, room: str) -> None:
        if self.user is not None:
            self.user.join(room)

    def leave(self, room: str) -> None:
        if self.user is not None:
            self.user.leave(room)

    def look_back(self, room: str, pages: int) -> None:
        if self.user is not None:
            self.user.look_back(room, pages)

    def order(self, kind: str, room: str, to: str, text: str) -> None:
        if self.user is not None:
            self.user.order(kind, room, to, text)

    def redact(self, choice: Choice) -> None:
        if self.user is not None:
            self.user.redact(choice)

    def report(self, choice: Choice) -> None:
        if self.user is not None:
            self.user.report(choice)

    def forget(self) -> None:
        if self.user is not None and self.user.is_connected:
            self.user.forget(self._known()[-1] or None)

    def set_password(self, password: str) -> None:
        """Set a password, known on all devices from then on; the old one is the last, if there was one."""
        if self.user is not None and self.user.is_connected:
            self.user.set_password(self._known()[-1] or None, password)
            self._known().append(password)

    def list_rooms(self, prefix: str) -> None:
        if self.user is not None:
            self.user.list_rooms(prefix)

    def list_invitations(self) -> None:
        if self.user is not None:
            self.user.list_invitations()

    def mark(self) -> None:
        if self.user is not None and self.user.is_connected:
            self.user.mark()

    def _known(self) -> list[str]:
        """Return the passwords that they may have; at first none, which is an empty one."""
        return self._passwords.setdefault(self.name, [""])

    def _keep(self, event: Event) -> None:
        self._keep_event(event)
        if isinstance(event, history.LoggedIn):
            self._believed = None  # it was right
            self._letter_is_used()
        if isinstance(event, history.Ended) and self.user is not None:
            self._is_new = event.sentence == CodeNeeded.sentence
            if event.sentence == BadCode.sentence:
                self._letter_is_used(is_good=False)
            known = self._known()
            if known[-1] == self._believed:
                known.insert(0, known.pop())  # try another
            self.user = None
            self.is_forgotten = event.sentence == str(Forgotten.of(name=self.name))
            if self._device != guest(self._device) and not self.is_forgotten:
                self._world.reactor.callLater(AGAIN_SECONDS, self.arrive)

    def _letter_is_used(self, is_good: bool = True) -> None:
        """Drop the code that was shown; by one of their own they have a new secret, which is no password."""
        if self._shown and self._recovers_by == self._shown:
            self._recovers_by = ""
            if is_good:
                self._known().append("")
        elif self._shown and self._letters.get(self.name) == self._shown:
            del self._letters[self.name]
            self._known().append("")
        self._shown = ""


class Crowd(Service):
    """The program of one host's users. Its arguments are the masters and the devices.

    A device may be followed by ``:`` and the protocol that is spoken there.
    """

    _logger = Logger()

    def __init__(self, people: dict[str, Person]) -> None:
        self.people = people

    def does(self, step: Step) -> None:
        """Do a step."""
        self._logger.info("{device}: {step}", device=step.device, step=str(step))
        getattr(self.people[step.device], step.does)(*step.arguments)


def crowd(
    keep: Callable[[Event], object],
    now: Callable[[], float],
    encrypted: bool = False,
    letters: dict[str, str] | None = None,
) -> Callable[..., Crowd]:
    """Return the program ``users``, whose history goes to ``keep``; ``encrypted``: by TLS. In ``letters``
    they find the codes that an operator sends them."""

    passwords: dict[str, list[str]] = {}  # known to people, on all their devices
    codes: dict[str, str] = {}  # of people, for another device of theirs
    sent = {} if letters is None else letters
    sheets: dict[str, list[str]] = {}  # of people, with their recovery codes

    def make(arguments: Sequence[str], world: World) -> Crowd:
        masters = parse_masters(arguments[0])
        masters_known = KnownMasters(world.files, config_directory(world.environ), world.reactor)
        trust = Trust(world.tls, masters_known) if encrypted else None
        people: dict[str, Person] = {}
        known = passwords, codes, sent, sheets
        shared: dict[str, Any] = {}
        for argument in arguments[1:]:
            device, make_user = offers.heard(argument)
            home = Home(owner(device), masters, world, trust, shared)
            people[device] = Person(device, home, keep, now, *known, make_user)
            other = guest(device)
            if other not in people:
                elsewhere = config_directory(world.environ) / "other"
                apart = replace(world, environ={**world.environ, "XDG_CONFIG_HOME": str(elsewhere)})
                people[other] = Person(other, home._replace(world=apart), keep, now, *known, make_user)
        return Crowd(people)

    return make
