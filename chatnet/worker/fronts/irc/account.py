"""A guest who becomes a user, at any time: SASL, and REGISTER."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from chatnet.credentials import normalized
from chatnet.entries import More
from chatnet.errors import BadName, BadSecret, ChatnetError, NameTaken, NoSuchUser, WrongSecret
from chatnet.form import MAX_LABEL
from chatnet.irc import numerics, sasl, writer
from chatnet.irc.sasl import Credentials, Exchange, External, Login, Step
from chatnet.irc.targets import nick_of
from chatnet.names import fold, is_guest
from chatnet.net.tls import shown_name
from chatnet.worker.fronts.irc import guests
from chatnet.worker.fronts.irc.command import Command, Pace
from chatnet.worker.fronts.irc.faces import USER
from chatnet.worker.fronts.irc.refusals import words_for
from chatnet.worker.hashing import Claimant
from chatnet.worker.logins import Begun, Shown, by_certificate

if TYPE_CHECKING:
    from chatnet.irc.lines import Line
    from chatnet.worker.fronts.irc.answers import Slot
    from chatnet.worker.fronts.irc.client import IrcClient
    from chatnet.worker.fronts.irc.settings import Registers

NOT_READ = (
    "That could not be read: in PLAIN it is a name and a password, in EXTERNAL a name or nothing. "
    f"{sasl.DEVICE}"
)
MISNAMED = f"That is not their password, nor a name and a device before the colon. {sasl.DEVICE}"
NOT_THEIRS = "That certificate is not one of theirs: they log in by password, with it, and say CERT ADD."
WHOSE = "Say NICK first, or whose certificate that is; or have one with your account's name as its CN."
MOST_FAILURES = 3
"""After so many logins that failed, by SASL or REGISTER, the connection is closed."""
TOO_MANY_FAILED = "Too many logins have failed"
NAMELESS = "irc"
"""The device of those who name none: all of them are one."""


def wrong_register(params: Sequence[str], nick: str, registers: Registers) -> tuple[str, str, str] | None:
    """Return why a REGISTER cannot be: a code, a sentence and the name; None if it can."""
    name = params[0] if params else "*"
    said = writer.word(name)
    if registers == "no":
        return "TEMPORARILY_UNAVAILABLE", "Names are not registered over IRC here.", said
    if not nick:
        return "NEED_NICK", "Say NICK first: that is the name.", said
    if len(params) < 3 or not params[2]:
        return (
            "NEED_MORE_PARAMS",
            "REGISTER needs a name (or *), a mail address (or *) and a password.",
            said,
        )
    if name != "*" and fold(name) != fold(nick):
        return "ACCOUNT_NAME_MUST_BE_NICK", "A name is registered by who has it as their nick.", said
    try:
        normalized(params[2].encode())
    except BadSecret as why:
        return "WEAK_PASSWORD", str(why), said
    return None


def code_of(why: ChatnetError) -> str:
    """Return the code with which a REGISTER fails."""
    if isinstance(why, NameTaken | WrongSecret):
        return "ACCOUNT_EXISTS"
    if isinstance(why, BadName):
        return "BAD_ACCOUNT_NAME"
    return "WEAK_PASSWORD" if isinstance(why, BadSecret) else "TEMPORARILY_UNAVAILABLE"


def sentence_of(why: ChatnetError) -> str:
    """Return the words for who is not let in; the usual ones are for people at another program."""
    if isinstance(why, WrongSecret):
        return "That name is somebody's, and this is not their password."
    if isinstance(why, NoSuchUser):
        return "Nobody has that name, and none is registered so here."
    return words_for(why)


def success(server: str, name: str, is_new: bool = True) -> bytes:
    """Return the answer to a REGISTER that was done, or, if the name is not new, that had been done before: a
    client says it again that has not heard the answer."""
    sentence = f"The name {name} is yours{'' if is_new else ' already'}, with this password."
    return writer.line(server, "REGISTER", "SUCCESS", name, sentence, trailing=True)


async def register(client: IrcClient, slot: Slot, line: Line) -> None:
    """Register the name of a guest."""
    if not is_guest(client.user):
        sentence = "You are logged in, and your name is yours."
        client.fail(slot, "REGISTER", "ALREADY_AUTHENTICATED", sentence, client.user)
        return
    no = wrong_register(line.params, client.nick, client.front.settings.registers)
    if no is not None:
        code, sentence, context = no
        client.fail(slot, "REGISTER", code, sentence, context)
        return
    login = sasl.login_of(client.nick)
    assert login is not None
    before = client.source
    try:
        credentials = Credentials(login, line.params[2].encode())
        await _register(client, sasl.on_device(credentials, client.said_user))
    except ChatnetError as why:
        client.fail(slot, "REGISTER", code_of(why), words_for(why), login.name)
        client.compare_stays()
        _failed(client, slot)
        return
    slot.begin_now()
    slot.now(success(client.front.settings.name, login.name))
    _say_changed(client, slot, before)
    client.compare_stays()


async def _register(client: IrcClient, credentials: Credentials) -> None:
    """Register the name that a guest has: for that it is given back first."""
    user, face = client.user, client.front.faces.face(client.user)
    seq = await guests.departed(client)
    try:
        begun = await _login(client, credentials.login, shown(credentials, registers=True))
    except ChatnetError:
        await _or_close(client, guests.back(client, user, face))
        raise
    await _or_close(client, guests.becomes(client, nick_of(user), begun.seq, seq, begun.ages))
    if face.spelled != client.nick:
        with suppress(ChatnetError):
            await client.spell(face)


async def _or_close(client: IrcClient, becoming: Coroutine[Any, Any, None]) -> None:
    try:
        await becoming
    except ChatnetError as why:
        client.close(words_for(why))
        raise


def shown(credentials: Credentials, registers: bool) -> Shown:
    """Return what is shown by a name and a password; ``registers``: a free name may be registered so."""
    random, device = credentials.random, credentials.login.device or NAMELESS
    digest = blake2b(f"irc {device}".encode(), digest_size=16).hexdigest()
    more = More(device=digest, label=device[:MAX_LABEL])
    return Shown(random or credentials.secret, registers, more, chosen=random is None)


def names_device(login: Login, shown: Shown) -> bool:
    """Return whether a client that logs in so says which device it is. A certificate is one."""
    return bool(login.device or shown.fingerprint)


async def _login(client: IrcClient, login: Login, shown: Shown) -> Begun:
    client.device.is_named = names_device(login, shown)
    try:
        return await client.front.entrance.logins.login(Claimant(login.name, client.address), shown)
    except (WrongSecret, NoSuchUser) as why:
        raise type(why)(sentence_of(why)) from None


async def authenticate(client: IrcClient, slot: Slot, line: Line) -> None:
    """Let a guest log in; nobody else is somebody else."""
    if not is_guest(client.user):
        slot.say(client.numeric(numerics.ERR_SASLALREADY))
        return
    match _exchange(client).said(line.params[0]):
        case Credentials() as credentials:
            await _log_in(client, slot, _by_password(client, credentials))
        case External(login):
            await _log_in(client, slot, _by_certificate(client, login))
        case Step.ASK:
            slot.say(writer.line("", "AUTHENTICATE", "+"))
        case Step.TOO_LONG:
            slot.say(client.numeric(numerics.ERR_SASLTOOLONG))
        case Step.ABORTED:
            slot.say(client.numeric(numerics.ERR_SASLABORTED))
        case Step.UNKNOWN:
            slot.say(client.numeric(numerics.RPL_SASLMECHS, sasl.mechanisms(bool(client.fingerprint))))
            slot.say(client.numeric(numerics.ERR_SASLFAIL, "That mechanism is not known here."))
        case Step.FAILED:
            slot.say(client.numeric(numerics.ERR_SASLFAIL, NOT_READ))
            _failed(client, slot)


def _exchange(client: IrcClient) -> Exchange:
    assert client.exchange is not None  # a guest goes on with that of its registration
    return client.exchange


def _failed(client: IrcClient, slot: Slot) -> None:
    exchange = _exchange(client)
    exchange.failures += 1
    if exchange.failures == MOST_FAILURES:
        slot.end()
        client.close(TOO_MANY_FAILED)


async def _by_password(client: IrcClient, credentials: Credentials) -> None:
    credentials = sasl.on_device(credentials, client.said_user)
    may_register = client.front.settings.registers == "sasl"
    name = credentials.login.name
    if may_register and name == nick_of(client.user):
        if (no := wrong_register(("*", "*", _text(credentials)), name, "sasl")) is not None:
            raise BadSecret(no[1])
        await _register(client, credentials)
    else:
        begun = await _login(client, credentials.login, shown(credentials, may_register))
        await _or_close(client, guests.logged_in(client, name, begun))


async def _by_certificate(client: IrcClient, login: Login | None) -> None:
    login = login or sasl.login_of(shown_name(client.connection.transport))
    if login is None:
        raise WrongSecret(WHOSE)
    try:
        begun = await _login(client, login, by_certificate(client.fingerprint))
    except WrongSecret:
        raise WrongSecret(NOT_THEIRS) from None
    await _or_close(client, guests.logged_in(client, login.name, begun))


async def _log_in(client: IrcClient, slot: Slot, proving: Coroutine[Any, Any, None]) -> None:
    before = client.source
    try:
        await proving
    except ChatnetError as why:
        client.charge(FAILED)
        slot.say(client.numeric(numerics.ERR_SASLFAIL, words_for(why)))
        client.compare_stays()
        _failed(client, slot)
        return
    slot.begin_now()
    _say_changed(client, slot, before)
    slot.now(client.numeric(numerics.RPL_SASLSUCCESS))
    client.compare_stays()


def _text(credentials: Credentials) -> str:
    return credentials.secret.decode("utf-8", "replace")


def _say_changed(client: IrcClient, slot: Slot, before: str) -> None:
    """Tell a client who it is now that was shown as ``before``."""
    nick, rest = client.nick, before.partition("!")[2]
    now = f"{nick}!{rest}"
    if before != now:
        slot.now(writer.line(before, "NICK", nick))
    sentence = f"You are now logged in as {client.user}."
    slot.now(client.numeric(numerics.RPL_LOGGEDIN, now, client.user, sentence))
    if client.has("account-notify"):
        slot.now(writer.line(now, "ACCOUNT", client.user))
    if client.has("chghost"):
        slot.now(writer.line(now, "CHGHOST", client.user, USER))
    slot.now(client.numeric(numerics.RPL_HOSTHIDDEN, USER))


FAILED = 10
"""For so many lines counts a login that failed."""
COMMANDS = {
    "AUTHENTICATE": Command(authenticate, 1, Pace.ALONE),
    "REGISTER": Command(register, 0, Pace.ALONE, price=FAILED),
}
