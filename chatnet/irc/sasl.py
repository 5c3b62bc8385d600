"""Logins of IRC: SASL's PLAIN and EXTERNAL in their pieces, PASS, and names with a device. Pure."""

from __future__ import annotations

import re
from base64 import b64decode
from enum import Enum

import msgspec

from chatnet.credentials import SECRET_BYTES
from chatnet.errors import BadName
from chatnet.names import fold, fold_name

PLAIN, EXTERNAL = "PLAIN", "EXTERNAL"
MOST_CHUNK_BYTES = 400
"""The longest piece of a message; one of this length is followed by another, perhaps an empty one."""
MOST_MESSAGE_BYTES = 8 * 1024
"""The longest message, as it is written."""
DEVICE = "A device has up to 40 letters, digits, dots, - and _, and begins with a letter or a digit."
_DEVICE = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_RANDOM = re.compile(rb"[0-9a-fA-F]{%d}" % (2 * SECRET_BYTES))


class Login(msgspec.Struct, frozen=True, gc=False):
    """Who wants in: their name in its one spelling, and as they spell it; and which of their devices this is,
    empty if they do not say."""

    name: str
    spelled: str
    device: str = ""


class Credentials(msgspec.Struct, frozen=True, gc=False):
    """Who wants in, and by which secret, as it was typed."""

    login: Login
    secret: bytes

    @property
    def random(self) -> bytes | None:
        """The secret of a program, which is typed in hexadecimal digits; None if this is a password."""
        return bytes.fromhex(self.secret.decode()) if _RANDOM.fullmatch(self.secret) else None


class External(msgspec.Struct, frozen=True, gc=False):
    """Who wants in by the certificate that the connection shows; None if they do not say who."""

    login: Login | None


class Step(Enum):
    """How an exchange goes on, if there are no credentials yet."""

    ASK = "say AUTHENTICATE +"
    MORE = "say nothing: another piece follows"
    FAILED = "say 904"
    TOO_LONG = "say 905: a piece was"
    ABORTED = "say 906"
    UNKNOWN = "say 908 with our mechanisms, then 904"


def mechanisms(has_certificate: bool) -> str:
    """Return the mechanisms on a connection, by whether it shows a certificate."""
    return f"{PLAIN},{EXTERNAL}" if has_certificate else PLAIN


class Exchange:
    """SASL on one connection, which shows a certificate or does not. Whatever ends an exchange, another can
    begin. ``failures``: how many logins have failed."""

    __slots__ = ("_mechanism", "_mechanisms", "_pieces", "failures")

    def __init__(self, has_certificate: bool = False) -> None:
        self._mechanisms = mechanisms(has_certificate)
        self._mechanism = PLAIN
        self._pieces: list[str] | None = None
        self.failures = 0

    @property
    def is_open(self) -> bool:
        """Whether a mechanism was chosen, and its message has not come to its end."""
        return self._pieces is not None

    def said(self, word: str) -> Step | Credentials | External:
        """Take the parameter of an AUTHENTICATE."""
        if word == "*":
            return self._end(Step.ABORTED)
        if self._pieces is None:
            return self._begin(word)
        if len(word) > MOST_CHUNK_BYTES:
            return self._end(Step.TOO_LONG)
        if word != "+":
            self._pieces.append(word)
        if sum(map(len, self._pieces)) > MOST_MESSAGE_BYTES:
            return self._end(Step.FAILED)
        if len(word) == MOST_CHUNK_BYTES:
            return Step.MORE
        read = _plain if self._mechanism == PLAIN else _external
        return self._end(read("".join(self._pieces)) or Step.FAILED)

    def _begin(self, mechanism: str) -> Step:
        mechanism = mechanism.upper()
        if mechanism not in self._mechanisms.split(","):
            return Step.UNKNOWN
        self._mechanism, self._pieces = mechanism, []
        return Step.ASK

    def _end(self, outcome: Step | Credentials | External) -> Step | Credentials | External:
        self._pieces = None
        return outcome


def _plain(message: str) -> Credentials | None:
    """RFC 4616: whom to act as, perhaps empty; who one is; the password. We let nobody act as another."""
    try:
        parts = b64decode(message, validate=True).split(b"\0")
        acts_as, said, secret = (part.decode() for part in parts)
    except ValueError:  # no base64, no UTF-8, other than three parts
        return None
    login = login_of(said)
    if login is None or not secret or not _is_own(acts_as, login):
        return None
    return Credentials(login, secret.encode())


def _is_own(acts_as: str, login: Login) -> bool:
    """Return whether somebody acts as themselves. What nobody can be called is never folded: it may be
    thousands of marks, which would take the square of their number."""
    if not acts_as:
        return True
    other = login_of(acts_as)
    return other is not None and other.name == login.name and other.device in ("", login.device)


def _external(message: str) -> External | None:
    """RFC 4422, appendix A: whom to act as, or nothing."""
    try:
        said = b64decode(message, validate=True).decode()
    except ValueError:  # no base64, no UTF-8
        return None
    login = login_of(said)
    return External(login) if login or not said else None


def login_of(said: str) -> Login | None:
    """Return who is meant by ``alice`` or ``alice@phone``; None if nobody can have that name or device."""
    spelled, _, device = said.partition("@")
    try:
        name = fold_name(spelled)
    except BadName:
        return None
    device = device.lower()
    if device and not _DEVICE.fullmatch(device):
        return None
    return Login(name, spelled, device)


def on_device(credentials: Credentials, user_name: str) -> Credentials:
    """Return the same, on the device that the name of USER says, as ``alice@phone``, if they say none. What
    stands before it may be anything.

    :raises BadName: no device can be called so.
    """
    device = user_name.partition("@")[2].lower()
    if not device or credentials.login.device:
        return credentials
    if not _DEVICE.fullmatch(device):
        raise BadName(f"Your user name (ident) names a device that cannot be. {DEVICE}")
    login = msgspec.structs.replace(credentials.login, device=device)
    return msgspec.structs.replace(credentials, login=login)


def is_misnamed(said: str) -> bool:
    """Return whether a PASS seems to begin with a name and a device, and nobody can have these. Or it is a
    password that looks so."""
    before, colon, _ = said.partition(":")
    return bool(colon) and "@" in before and login_of(before) is None


def in_pass(said: str, nick: str) -> Credentials | None:
    """Return what a PASS says of a client that calls itself ``nick``; None if that cannot be anybody's.

    It is a password, or a login, a colon and a password. A password may have a colon itself: so what stands
    before one is a login only if it has a device, or is the nick.
    """
    before, colon, behind = said.partition(":")
    login = login_of(before) if colon else None
    if login is None or not (login.device or login.name == fold(nick)):
        login, behind = login_of(nick), said
    return Credentials(login, behind.encode()) if login and behind else None
