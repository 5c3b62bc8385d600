"""Logs in: by ticket if there is a good one, otherwise by what proves the name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from twisted.logger import Logger

from chatnet.client.identity import Identity
from chatnet.client.race import Unreachable
from chatnet.errors import (
    BadName,
    BadSecret,
    BadTicket,
    CannotStart,
    NoSuchUser,
    WrongSecret,
)
from chatnet.names import is_name
from chatnet.net.link import Link
from chatnet.wire.common import VERSION
from chatnet.wire.session import Elsewhere, Login, Resume

_logger = Logger()


class Welcome(NamedTuple):
    """A successful login: the ``name`` as the cluster spells it, the ``others`` where to resume, and what
    time it is ``now`` at the worker, if it says so."""

    name: str
    others: Sequence[Elsewhere]
    now: int | None


async def log_in(
    link: Link, identity: Identity, passwords: Iterable[bytes], label: str = "", code: str = ""
) -> Welcome:
    """Log in on a fresh link; keep the ticket. ``label`` is what this device is called.

    A ``code`` is shown if there is one, with a secret that becomes this device's, or the user's.

    ``passwords`` are tried before the identity's random secret; only that secret registers a free name. The
    worker must be of the identity's log.

    :raises Unreachable: it has another log, as when the cluster is being replaced; or it is not a worker.
    :raises WrongSecret: none of them is right.
    :raises NoSuchUser: nobody has this name, and there is nothing to register it with.
    :raises BadTicket: there is nothing left to log in with; the sentence says what to do.
    """
    if code:
        return await _by_code(link, identity, label, code)
    welcome = await resume(link, identity)
    if welcome is not None:
        return welcome
    passwords = list(passwords)
    secrets = [*passwords, *(secret for secret in (identity.fresh, identity.secret) if secret is not None)]
    if not secrets:
        raise BadTicket(
            f"Your last login as {identity.name} is no longer good: start with --password, or, if you have a "
            f"code, with --with-code. (To register the name anew, if it is free again, move {identity.path} "
            "away first.)"
        )
    for secret in secrets[:-1]:
        try:
            return await _by_secret(link, identity, secret, label)
        except (WrongSecret, NoSuchUser):
            continue
    return await _by_secret(link, identity, secrets[-1], label)


def keep_ticket(identity: Identity, ticket: bytes, forget_secret: bool) -> None:
    """Keep ``ticket``, also if the disk fails."""
    keep(identity, partial(identity.keep_ticket, ticket, forget_secret))


def keep(identity: Identity, keeping: Callable[[], None]) -> None:
    """Call ``keeping``; log a failure and go on: a full disk is no reason not to talk."""
    try:
        keeping()
    except OSError:
        _logger.failure("The identity could not be written to {path}; going on", path=identity.path)


async def resume(link: Link, identity: Identity) -> Welcome | None:
    """Log in by ticket; then by the ticket that another client of this user may have got since. None: there
    is no ticket, or it is not valid now.

    :raises Unreachable: the worker has another log, or is not a worker.
    """
    for _ in range(2):
        ticket = identity.ticket
        if ticket is None:
            return None
        try:
            return _welcome(await link.callRemote(Resume, version=VERSION, ticket=ticket), identity)
        except BadTicket:
            identity.reread()
            if identity.ticket == ticket:
                return None
    return None


async def _by_code(link: Link, identity: Identity, label: str, code: str) -> Welcome:
    try:
        secret = identity.secret_for_code()
    except OSError as error:
        raise CannotStart(
            f"Your identity cannot be kept at {identity.path} ({error.strerror}): make that place writable."
        ) from error
    try:
        answer = await _login(link, identity, secret, label, code)
    except _OF_THE_SECRET:
        if identity.fresh is None:
            identity.refused()
        else:
            identity.fresh_refused()
        raise
    welcome = _welcome(answer, identity)
    if identity.fresh is None:
        keep_ticket(identity, answer["ticket"], forget_secret=False)
    else:
        keep(identity, partial(identity.took_fresh, answer["ticket"]))
    return welcome


def _login(link: Link, identity: Identity, secret: bytes, label: str, code: str | None = None) -> Any:
    is_new = secret == identity.secret or code is not None
    return link.callRemote(
        Login,
        version=VERSION,
        name=identity.name,
        secret=secret,
        new=is_new,
        device=identity.device,
        label=label,
        code=code,
    )


_OF_THE_SECRET = (WrongSecret, NoSuchUser, BadName, BadSecret)
"""Refusals of a login that say something about the secret, or the name. Any other says nothing: another
client of this name may have registered it by the same secret, with a code that was good, and not know it
yet."""


async def _by_secret(link: Link, identity: Identity, secret: bytes, label: str) -> Welcome:
    is_random = secret in (identity.secret, identity.fresh)
    try:
        answer = await _login(link, identity, secret, label)
    except _OF_THE_SECRET as error:
        if is_random:
            identity.refused()
        elif isinstance(error, WrongSecret):
            # The cluster's own sentence is for users without a password, and tells them to set one.
            raise WrongSecret(f"That is not the password of {identity.name}: try again.") from error
        raise
    welcome = _welcome(answer, identity)
    if secret == identity.fresh:
        keep(identity, partial(identity.took_fresh, answer["ticket"]))
    else:
        keep_ticket(identity, answer["ticket"], forget_secret=not is_random)
    return welcome


def _welcome(answer: dict[str, Any], identity: Identity) -> Welcome:
    if answer["log"] != identity.log_id:
        raise Unreachable("the worker is of another cluster than the master that named it")
    name: str = answer["name"]
    if not is_name(name):
        raise Unreachable("the worker answers strangely")
    return Welcome(name, answer["workers"] or (), answer["now"])
