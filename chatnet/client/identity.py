"""The secret and the ticket of one name in one log, in a private file."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from chatnet.addresses import Address
from chatnet.credentials import SECRET_BYTES
from chatnet.errors import CannotStart
from chatnet.wire.session import DEVICE_BYTES
from chatnet.world import Files

MAX_TICKET = 1_024
"""The longest ticket that is sent back, in bytes: a longer one is not a ticket, and no worker reads it."""


_NO_FILE = (errno.EINVAL, errno.EFBIG)
"""What is there is not a file, or too large to be ours."""


class Credentials(msgspec.Struct, frozen=True):
    """``secret`` is None for a user who has set a password: only the user knows that.

    ``addresses`` are the masters through which it was used. Until a login has succeeded it is not
    ``accepted``: the cluster may never have heard of the secret. ``device`` is how the cluster knows this
    device from others of the user; ``fresh`` a secret that has been sent with a code, and may have been taken
    in place of the other one.
    """

    secret: bytes | None = None
    ticket: bytes | None = None
    addresses: tuple[str, ...] = ()
    accepted: bool = False
    device: bytes = b""
    fresh: bytes | None = None


class Identity:
    """Who ``name`` is in the log ``log_id``. The name belongs to the user as long as the file exists."""

    def __init__(
        self, files: Files, directory: Path, log_id: str, name: str, entropy: Callable[[int], bytes]
    ) -> None:
        self.name = name
        self.log_id = log_id
        self.path = directory / "identities" / log_id / name
        self._files = files
        self._entropy = entropy
        self._credentials = Credentials()
        self._on_disk: Credentials | None = None

    @property
    def secret(self) -> bytes | None:
        """The secret that proves the name, unless that is a password."""
        return self._credentials.secret

    @property
    def fresh(self) -> bytes | None:
        """The secret that was sent with a code, if nobody knows yet whether it was taken."""
        return self._credentials.fresh

    @property
    def device(self) -> bytes:
        """Random bytes by which the cluster knows this device. They are on disk with the next ticket."""
        if len(self._credentials.device) != DEVICE_BYTES:
            self._credentials = replace(self._credentials, device=self._entropy(DEVICE_BYTES))
        return self._credentials.device

    def secret_for_code(self) -> bytes:
        """Return the secret to send with a code: a new one, if the cluster has accepted another before.

        It is on disk before anybody hears of it, also if another client has removed it, to which it was
        refused. Clients of this name that show codes at the same time send the same one.

        :raises OSError: it could not be written.
        """
        self.reread()
        known = self._credentials
        if known.fresh is None and known.secret is not None and not known.accepted:
            if self._files.status(self.path) is None:
                self._keep(known)
            return known.secret
        fresh = known.fresh or self._entropy(SECRET_BYTES)
        self._keep(replace(known, fresh=fresh, device=self.device))
        return fresh

    def took_fresh(self, ticket: bytes) -> None:
        """The cluster has taken the secret that was sent with a code.

        :raises OSError: it is remembered, but not on disk.
        """
        known = self._credentials
        self._keep(Credentials(known.fresh, ticket, known.addresses, accepted=True, device=self.device))

    def fresh_refused(self) -> None:
        """The cluster did not take the secret that was sent with a code. What another client of this name has
        kept since stays."""
        refused = self.fresh
        self.reread()
        if self.fresh == refused:
            with contextlib.suppress(OSError):
                self._keep(replace(self._credentials, fresh=None))

    @property
    def ticket(self) -> bytes | None:
        """The ticket of the last login, if it can be one."""
        ticket = self._credentials.ticket
        return None if ticket is not None and len(ticket) > MAX_TICKET else ticket

    @property
    def addresses(self) -> tuple[str, ...]:
        """The masters through which it was used; empty for a new one."""
        return self._credentials.addresses

    @property
    def is_accepted(self) -> bool:
        """Whether a login by it has succeeded."""
        return self._credentials.accepted

    def was_used_at(self, masters: Iterable[Address]) -> bool:
        """Return whether it was used through one of ``masters``."""
        known = [Address.read(address) for address in self.addresses]
        places = {address.place for address in known if address is not None}
        return any(master.place in places for master in masters)

    def open(self, master: Address, make_secret: bool) -> None:
        """Read the file. If there is none and ``make_secret``, make one for ``master``, with a random secret.

        The secret is on disk before anybody hears of it: a crash cannot lose the name. Clients that make one
        at the same time end with the same secret.

        :raises CannotStart: the file cannot be read or made; the sentence says why.
        """
        try:
            if not self._find() and make_secret:
                self._make(master)
        except OSError as error:
            raise CannotStart(
                f"Your identity cannot be kept at {self.path} ({error.strerror}): make that place writable, "
                "or set XDG_CONFIG_HOME to one that is."
            ) from error

    def reread(self) -> None:
        """Take over what another client of this name may have written since, if the file can be read."""
        with contextlib.suppress(OSError, CannotStart):
            self._find()

    def keep_ticket(self, ticket: bytes, forget_secret: bool) -> None:
        """Remember ``ticket``; after a login by password, forget the secret that the password replaced.

        If we logged in by the secret, and another client of this name has set a password since, our session
        and ``ticket`` have ended: what the other has kept stays.

        :raises OSError: it is remembered, but not on disk.
        """
        secret = None if forget_secret else self.secret
        self.reread()
        if secret is not None and self.secret is None:
            return
        self._keep(Credentials(secret, ticket, self.addresses, accepted=True, device=self.device))

    def used_at(self, master: Address) -> None:
        """Remember that a login through ``master`` succeeded.

        :raises OSError: it is remembered, but not on disk.
        """
        if not self.was_used_at([master]):
            self.reread()
        if not self.was_used_at([master]):
            self._keep(replace(self._credentials, addresses=(*self.addresses, str(master))))

    def refused(self) -> None:
        """The cluster does not accept the secret. If it never did, delete the file.

        A secret that never worked would only be refused again, even when the name is free, or when the user
        has the password.
        """
        refused = self.secret
        self.reread()
        if self.secret == refused and not self._credentials.accepted:
            self._credentials = Credentials()
            with contextlib.suppress(OSError):
                self._files.remove(self.path)

    def forgotten(self) -> None:
        """The cluster has forgotten the user: nobody can be them again, and nothing of them is kept here."""
        self._credentials = Credentials()
        with contextlib.suppress(OSError):
            self._files.remove(self.path)

    def _keep(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._files.make_directory(self.path.parent)
        self._files.write(self.path, msgspec.json.encode(credentials))
        self._on_disk = credentials

    def _make(self, master: Address) -> None:
        secret, device = self._entropy(SECRET_BYTES), self._entropy(DEVICE_BYTES)
        fresh = Credentials(secret, addresses=(str(master),), device=device)
        self._files.make_directory(self.path.parent)
        if self._files.create(self.path, msgspec.json.encode(fresh)):
            self._credentials = self._on_disk = fresh
        elif not self._find():  # another client of this name was faster, and has removed it again
            self._keep(fresh)

    def _find(self) -> bool:
        """Take over what is on disk, if it is not what we last saw there: a write of ours may have failed."""
        try:
            content = self._files.read(self.path)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno in _NO_FILE:
                raise self._holds_none(error.strerror) from error
            raise
        try:
            found = msgspec.json.decode(content, type=Credentials)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise self._holds_none(error) from error
        if found != self._on_disk:
            self._credentials = self._on_disk = found
        return True

    def _holds_none(self, why: object) -> CannotStart:
        return CannotStart(
            f"{self.path} does not hold an identity ({why}): put it right, or move it away and log in with "
            "--password."
        )


def config_directory(environ: Mapping[str, str]) -> Path:
    """Return where this user's programs keep their files, by the XDG base directory specification.

    :raises CannotStart: the environment does not say.
    """
    for variable, below in (("XDG_CONFIG_HOME", ""), ("HOME", ".config")):
        if environ.get(variable, "").startswith("/"):
            return Path(environ[variable]) / below / "chatnet"
    raise CannotStart("HOME is not set: set it, or XDG_CONFIG_HOME, to where your identity can be kept.")
