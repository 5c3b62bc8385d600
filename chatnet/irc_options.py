"""The options about IRC: where its ports are, how many fronts a host keeps, and who may register there."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from chatnet.addresses import Address, is_local
from chatnet.errors import CannotStart
from chatnet.names import quoted
from chatnet.options import a_count, a_process_count
from chatnet.port_options import NONE, a_shared_port, named
from chatnet.text import meant

IRC_PORT = 6667
"""The default port for IRC."""
IRC_VARIABLE = "CHATNET_IRC"
"""The environment variable for the ports, where no option names them."""
MOST_PORTS = 4
"""How many ports IRC has at most."""
USUAL_FRONTS = 2
MOST_STRANGERS, MOST = 10, 100
"""How many connections from one address (of IPv6: one /64) a front takes before their welcome, and in all."""
MOST_PER_ADDRESS = 100_000
MOST_STS = 400 * 24 * 3600
MOST_MISSED = 2_000
"""How many posts a device is sent that it has missed, unless the operator says otherwise."""

Register = Literal["sasl", "command", "no"]
REGISTER: tuple[Register, ...] = ("sasl", "command", "no")
"""Who may register a name over IRC: whoever logs in with a free one (by SASL or PASS); who says REGISTER;
nobody."""
GUESTS = ("yes", "no")
_NAME = re.compile(r"(?=.{3,63}$)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
"""Names of servers have a dot: so clients tell them from users."""


def _seconds(text: str) -> int:
    """For ``optParameters``: for how long clients are to use TLS.

    :raises ValueError: with one sentence.
    """
    seconds = a_count(text)
    if seconds > MOST_STS:
        raise ValueError(f"{seconds} seconds are too long: at most {MOST_STS}, 400 days.")
    return seconds


def _a_limit(text: str) -> int:
    """For ``optParameters``: how many connections may come from one address.

    :raises ValueError: with one sentence.
    """
    limit = a_count(text)
    if not 0 < limit <= MOST_PER_ADDRESS:
        raise ValueError(f"{limit} is no limit for an address: write a number from 1 to {MOST_PER_ADDRESS}.")
    return limit


IRC_OPTIONS: list[Any] = [
    [
        "irc",
        None,
        None,
        f"Where IRC is, HOST:PORT[,…], for all fronts of a machine; or {NONE}. Without it: {IRC_VARIABLE}, "
        f"then localhost:{IRC_PORT} unless another program has it.",
    ],
    ["irc-name", None, None, "The name of the IRC server, with a dot. Without it: the machine's name."],
    [
        "irc-register",
        None,
        REGISTER[0],
        "How a free name is registered over IRC: sasl (by the first login, or by REGISTER), command (by "
        "REGISTER alone), or no.",
    ],
    [
        "irc-guests",
        None,
        None,
        "Whether IRC lets in who has no account: yes or no. Without it: yes, where IRC is on loopback alone.",
    ],
    ["irc-motd", None, None, "The file with the message of the day for IRC clients. Without it: none."],
    [
        "irc-sts",
        None,
        0,
        "For how many seconds IRC clients are to come back by TLS alone (strict transport security); 0: "
        "nothing is said of that.",
        _seconds,
    ],
    [
        "irc-per-address",
        None,
        MOST,
        "How many connections each front takes from one address (of IPv6: from one /64).",
        _a_limit,
    ],
    [
        "irc-logins-per-address",
        None,
        MOST_STRANGERS,
        "How many of these may not have logged in yet.",
        _a_limit,
    ],
    [
        "irc-missed",
        None,
        MOST_MISSED,
        "How many messages a client of IRC is sent at most that its device has missed; 0: all of them.",
        a_count,
    ],
]
"""For ``optParameters``."""
IRC_FRONTS: list[Any] = [
    "irc-fronts",
    None,
    USUAL_FRONTS,
    "How many IRC fronts to keep running on this machine, if there is IRC.",
    a_process_count,
]
"""For ``optParameters`` of those who keep fronts."""


@dataclass(frozen=True)
class IrcOptions:
    """The options of the same names. Without ``ports`` there is no IRC. ``asked_for``: somebody named the
    ports, so it is an error if they cannot be had. The ``name`` is empty if it is the machine's; ``motd`` is
    the path of a file, or empty."""

    ports: tuple[Address, ...] = ()
    asked_for: bool = False
    fronts: int = 0
    name: str = ""
    register: Register = "sasl"
    motd: str = ""
    sts: int = 0
    most: int = MOST
    strangers: int = MOST_STRANGERS
    guests: bool | None = None
    missed: int = MOST_MISSED

    @classmethod
    def of(cls, options: Mapping[str, Any], environ: Mapping[str, str]) -> IrcOptions:
        """Return what twistd's options and the environment say.

        :raises CannotStart: they say what cannot be; the sentence names which of them.
        """
        sources = {"--irc": options.get("irc"), IRC_VARIABLE: environ.get(IRC_VARIABLE)}
        ports, asked_for = named(sources, f"localhost:{IRC_PORT}", _the_ports)
        return cls(
            ports,
            asked_for,
            options.get("irc-fronts") or 0,
            _a_name(options.get("irc-name") or ""),
            _register(options.get("irc-register") or REGISTER[0]),
            os.path.abspath(options["irc-motd"]) if options.get("irc-motd") else "",
            options.get("irc-sts") or 0,
            options.get("irc-per-address") or MOST,
            options.get("irc-logins-per-address") or MOST_STRANGERS,
            _guests(options.get("irc-guests")),
            options.get("irc-missed", MOST_MISSED),
        )

    @property
    def lets_guests_in(self) -> bool:
        """Whether somebody without an account is let in."""
        if self.guests is None:
            return all(is_local(port.host) for port in self.ports)
        return self.guests

    @property
    def kept(self) -> int:
        """How many fronts a host keeps."""
        return self.fronts if self.ports else 0

    @property
    def place(self) -> str:
        """Where the ports are, as HOST:PORT,…"""
        return ",".join(map(str, self.ports))

    @property
    def is_there(self) -> str:
        return f"IRC is at {self.place}"

    def cannot_be(self, why: str) -> str:
        """Return the sentence for an operator who asked for ports that cannot be had."""
        what = f"choose another port by --irc HOST:PORT, or --irc {NONE}"
        return f"IRC cannot be at {self.place} ({why}): {what}."

    def is_left_out(self, why: str) -> str:
        """Return the sentence for an operator who did not ask for it."""
        return f"There is no IRC, since {self.place} cannot be had ({why}): choose a port by --irc HOST:PORT."

    def left_out(self) -> IrcOptions:
        """Return the same without ports."""
        return replace(self, ports=())

    def words(self) -> list[str]:
        """Return the options for a front."""
        words = ["--irc", self.place or NONE]
        if self.name:
            words += ["--irc-name", self.name]
        words += ["--irc-register", self.register]
        if self.guests is not None:
            words += ["--irc-guests", "yes" if self.guests else "no"]
        if self.motd:
            words += ["--irc-motd", self.motd]
        others = (
            ("--irc-sts", self.sts, 0),
            ("--irc-per-address", self.most, MOST),
            ("--irc-logins-per-address", self.strangers, MOST_STRANGERS),
            ("--irc-missed", self.missed, MOST_MISSED),
        )
        return [
            *words,
            *(word for name, said, usual in others if said != usual for word in (name, str(said))),
        ]

    def keepers_words(self) -> list[str]:
        """Return the options for a child that keeps fronts itself."""
        return [*self.words(), "--irc-fronts", str(self.fronts)]


NO_IRC = IrcOptions()
"""Without IRC."""


def _the_ports(text: str) -> tuple[Address, ...]:
    """Return where IRC is to be.

    :raises ValueError: with one sentence.
    """
    if text.strip().lower() == NONE:
        return ()
    parts = [part for part in text.split(",") if part.strip()]
    ports = tuple(dict.fromkeys(a_shared_port(part, IRC_PORT, "IRC fronts") for part in parts))
    if not ports:
        raise ValueError(f"No port is named: write localhost:{IRC_PORT}, or {NONE}.")
    if len(ports) > MOST_PORTS:
        raise ValueError(f"{len(ports)} ports are too many: at most {MOST_PORTS} are opened.")
    return ports


def is_server_name(text: str) -> bool:
    """Return whether this can be the name of an IRC server."""
    return _NAME.fullmatch(text) is not None


def _a_name(text: str) -> str:
    if text and not is_server_name(text):
        raise CannotStart(
            f"--irc-name: {quoted(text)} is not the name of an IRC server: write letters, digits and hyphens "
            "with a dot between, such as irc.example.org."
        )
    return text


def _guests(text: str | None) -> bool | None:
    if text is not None and text not in GUESTS:
        raise CannotStart(f"--irc-guests: {quoted(text)} is neither yes nor no.")
    return None if text is None else text == "yes"


def _register(text: str) -> Register:
    found = next((one for one in REGISTER if one == text), None)
    if found is None:
        raise CannotStart(
            f"--irc-register: {quoted(text)} is neither {' nor '.join(REGISTER)}.{meant(text, REGISTER)}"
        )
    return found
