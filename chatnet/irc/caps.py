"""The capabilities of IRCv3: what is offered, what a client has asked for, and what it then gets. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from chatnet.irc import numerics, writer
from chatnet.irc.batches import MOST_LINES, MOST_TEXT_BYTES

VERSION = 302
"""The version of the negotiation in which there are values, and lists of several lines."""
CAPABILITIES: Mapping[str, str] = {
    "account-notify": "",
    "account-tag": "",
    "away-notify": "",
    "batch": "",
    "cap-notify": "",
    "chghost": "",
    "echo-message": "",
    "extended-join": "",
    "extended-monitor": "",
    "invite-notify": "",
    "labeled-response": "",
    "message-tags": "",
    "multi-prefix": "",
    "no-implicit-names": "",
    "sasl": "PLAIN",
    "server-time": "",
    "setname": "",
    "standard-replies": "",
    "sts": "",
    "userhost-in-names": "",
    "chatnet/key": "",
    "draft/account-registration": "before-connect",
    "draft/chathistory": "",
    "draft/event-playback": "",
    "draft/message-redaction": "",
    "draft/multiline": f"max-bytes={MOST_TEXT_BYTES},max-lines={MOST_LINES}",
    "draft/pre-away": "",
    "draft/read-marker": "",
    "znc.in/self-message": "",
}
"""All of them, with their values. Those of the standard are first: old clients get what fits into a line."""
REGISTRATION = "draft/account-registration"
OF_GUESTS = ("account-notify", "chghost")
"""What only happens where there are guests: that they log in."""
SHOWING = frozenset(
    {
        *("away-notify", "draft/message-redaction", "draft/read-marker"),
        *("extended-join", "invite-notify", "setname"),
    }
)
"""The capabilities that decide which events are shown, and how."""
_MOST_LIST_BYTES = 400
_NO_LS = 0


def offered(
    *, has_passwords: bool, sts: str = "", has_guests: bool = False, registers: bool = False
) -> dict[str, str]:
    """Return what is offered on a connection: whether passwords may come over it; the policy of ``sts`` if
    there is one."""
    left_out = {
        *(() if has_passwords else ("sasl",)),
        *(() if sts else ("sts",)),
        *(() if has_guests else OF_GUESTS),
        *(() if registers else (REGISTRATION,)),
    }
    values = {**CAPABILITIES, "sts": sts}
    return {name: value for name, value in values.items() if name not in left_out}


Words = tuple[str, ...]
"""A line of ours from its command on."""


class Negotiation:
    """The negotiation of one connection: ``on`` is what it has asked for and gets; while ``is_open``, it is
    not registered, as it has not said CAP END.
    """

    __slots__ = ("_offered", "_version", "is_open", "on")

    def __init__(self, offered: Mapping[str, str]) -> None:
        self.on: frozenset[str] = frozenset()
        self.is_open = False
        self._offered = offered
        self._version = _NO_LS

    def answer(self, to: str, params: Sequence[str]) -> list[Words]:
        """Return what to say when ``to`` (``*`` without a name) says CAP with these parameters."""
        match [param.upper() for param in params[:1]]:
            case []:
                return [(numerics.ERR_NEEDMOREPARAMS.code, to, "CAP", numerics.ERR_NEEDMOREPARAMS.text)]
            case ["LS"]:
                self.is_open = True
                return self._ls(to, _number(params[1]) if len(params) > 1 else 0)
            case ["LIST"]:
                return _listed(to, "LIST", _lists(sorted(self.on)), self._version)
            case ["REQ"]:
                self.is_open = True
                return self._req(to, " ".join(params[1:]))
            case ["END"]:
                self.is_open = False
                return []
        unknown = numerics.ERR_INVALIDCAPCMD
        return [(unknown.code, to, writer.word(params[0]), unknown.text)]

    def _ls(self, to: str, version: int) -> list[Words]:
        self._version = max(self._version, version)
        if version < VERSION:  # a policy without its value says nothing
            return [("CAP", to, "LS", next(_lists(name for name in self._offered if name != "sts")))]
        self.on = _shared(self.on | {"cap-notify"} & self._offered.keys())
        return _listed(to, "LS", _lists(_valued(self._offered)), version)

    def _req(self, to: str, asked: str) -> list[Words]:
        on = set(self.on)
        for word in asked.split():
            name = word.removeprefix("-")
            if name not in self._offered or name == "sts" or self._has_to_keep(word):
                return [("CAP", to, "NAK", names) for names in _as_asked(asked)]
            (on.discard if word[0] == "-" else on.add)(name)
        self.on = _shared(frozenset(on))
        return [("CAP", to, "ACK", names) for names in _as_asked(asked)]

    def _has_to_keep(self, word: str) -> bool:
        return word == "-cap-notify" and self._version >= VERSION


@lru_cache(maxsize=1_000)
def _shared(on: frozenset[str]) -> frozenset[str]:
    """Return these capabilities as one set, which connections have in common: there are few clients that ask
    for others."""
    return on


def _number(said: str) -> int:
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0


def _valued(caps: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" if value else name for name, value in caps.items()]


def _as_asked(asked: str) -> Iterable[str]:
    return (asked,) if len(asked.encode()) <= _MOST_LIST_BYTES else _lists(asked.split())


def _lists(names: Iterable[str]) -> Iterator[str]:
    """Yield the names in lists that fit a line; an empty list for no names."""
    some = ""
    for name in names:
        if some and len(some) + len(name.encode()) >= _MOST_LIST_BYTES:
            yield some
            some = ""
        some = f"{some} {name}" if some else name
    yield some


def _listed(to: str, subcommand: str, lists: Iterator[str], version: int) -> list[Words]:
    *before, last = lists
    goes_on = ("*",) if version >= VERSION else ()
    return [*(("CAP", to, subcommand, *goes_on, names) for names in before), ("CAP", to, subcommand, last)]


# ---- what the capabilities of a connection decide ----


class TagClass(NamedTuple):
    """What of a line that many get depends on their capabilities: connections of one class share a line.

    ``every`` tag there is, or else only ``time`` or ``account``; ``multiline``: a long post in a batch;
    ``showing``: those of :data:`SHOWING`.
    """

    every: bool
    time: bool
    account: bool
    multiline: bool
    showing: frozenset[str]

    def tags(self, time: str, msgid: str = "", account: str = "", more: str = "") -> str:
        """Return the tags of a line, of which those are given that may be there; ``more`` as it stands in a
        line."""
        if self.every:
            said = f"time={time}"
            if msgid:
                said = f"{said};msgid={msgid}"
            if account:
                said = f"{said};account={account}"
            return f"{said};{more}" if more else said
        if not self.account or not account:
            return f"time={time}" if self.time else ""
        return f"time={time};account={account}" if self.time else f"account={account}"


@lru_cache(maxsize=1_000)
def tag_class(on: frozenset[str]) -> TagClass:
    """Return the class of a connection with these capabilities. Whoever can read tags at all gets every one:
    so there are few classes."""
    every = "message-tags" in on
    return TagClass(
        every,
        every or "server-time" in on,
        every or "account-tag" in on,
        every and {"batch", "draft/multiline"} <= on,
        SHOWING & on,
    )
