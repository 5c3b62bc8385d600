"""The secret and the ticket of one name on one cluster, kept in a private file."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from chatnet.addresses import Address
from chatnet.credentials import SECRET_BYTES
from chatnet.errors import CannotStart
from chatnet.world import Files


class Credentials(msgspec.Struct, frozen=True):
    """``secret`` is None for a user who has set a password: that one is in their head."""

    secret: bytes | None = None
    ticket: bytes | None = None


class Identity:
    """Who one is on a cluster. The name is the user's for as long as the file is.

    A cluster is known by its master's address. Of several masters each is looked up, so that naming one
    more does not lose the name; a new identity is kept under the first.
    """

    def __init__(
        self,
        files: Files,
        directory: Path,
        masters: Sequence[Address],
        name: str,
        entropy: Callable[[int], bytes],
    ) -> None:
        self.name = name
        self._files = files
        self._entropy = entropy
        self._paths = [directory / "identities" / _file_name(master) / name for master in masters]
        self.path = self._paths[0]
        self._credentials = Credentials()

    @property
    def secret(self) -> bytes | None:
        """What proves the name, unless it is a password."""
        return self._credentials.secret

    @property
    def ticket(self) -> bytes | None:
        """What the last login gave."""
        return self._credentials.ticket

    def open(self, make_secret: bool) -> None:
        """Read the file. If there is none and ``make_secret``, make one with a new random secret.

        It is on disk before anybody hears of the secret: a crash cannot lose the name.

        :raises CannotStart: the file cannot be read or made; the sentence says why.
        """
        try:
            if not self._find() and make_secret:
                self._make()
        except OSError as error:
            raise CannotStart(
                f"Your identity cannot be kept at {self.path} ({error.strerror}): make that place writable, "
                "or set XDG_CONFIG_HOME to one that is."
            ) from error

    def reread(self) -> None:
        """Take over what another client of this name may have written since, if it can be read."""
        with contextlib.suppress(OSError, CannotStart):
            self._find()

    def keep_ticket(self, ticket: bytes, forget_secret: bool) -> None:
        """Remember ``ticket``; and with a password, forget the secret that it replaced.

        :raises OSError: it is remembered, but not on disk.
        """
        self._credentials = Credentials(None if forget_secret else self.secret, ticket)
        self._files.make_directory(self.path.parent)
        self._files.write(self.path, msgspec.json.encode(self._credentials))

    def _make(self) -> None:
        fresh = Credentials(secret=self._entropy(SECRET_BYTES))
        self._files.make_directory(self.path.parent)
        if self._files.create(self.path, msgspec.json.encode(fresh)):
            self._credentials = fresh
        else:  # another client of this name was faster
            self._find()

    def _find(self) -> bool:
        for path in self._paths:
            try:
                content = self._files.read(path)
            except FileNotFoundError:
                continue
            try:
                self._credentials = msgspec.json.decode(content, type=Credentials)
            except (msgspec.MsgspecError, RecursionError) as error:
                raise CannotStart(
                    f"{path} does not hold an identity ({error}): put it right, or move it away and log in "
                    "with --password."
                ) from error
            self.path = path
            return True
        return False


def config_directory(environ: Mapping[str, str]) -> Path:
    """Where this user's programs keep what is theirs, by the XDG base directory specification.

    :raises CannotStart: the environment does not say.
    """
    for variable, below in (("XDG_CONFIG_HOME", ""), ("HOME", ".config")):
        if environ.get(variable, "").startswith("/"):
            return Path(environ[variable]) / below / "chatnet"
    raise CannotStart("HOME is not set: set it, or XDG_CONFIG_HOME, to where your identity can be kept.")


def _file_name(master: Address) -> str:
    return re.sub(r"[^a-z0-9._-]", "_", str(master).lower())
