"""An operator's certificate: read from two files at the start, and again when their contents change."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from OpenSSL import SSL, crypto
from twisted.logger import Logger

from chatnet.errors import CannotStart
from chatnet.net.pair import KeyPair, PairFiles, read_pair
from chatnet.world import Files, Tls

Contents = tuple[bytes, bytes]
"""The bytes of the certificate's file, and of the key's file."""

T = TypeVar("T")


class Certificates:
    """The pair in ``paths``, for one port or several; ``presented`` is what the ports present.

    ``wall`` is in seconds since 1970. Changes are found by comparing the contents, not the times of the
    files: certbot's files are links, whose own time does not change.

    :raises CannotStart: the files cannot be used; the sentence says which file, and what to do.
    """

    _logger = Logger()

    def __init__(self, files: Files, paths: PairFiles, wall: Callable[[], float], tls: Tls) -> None:
        self._files = files
        self._paths = paths
        self._wall = wall
        self._said = ""
        contents = self._read()
        self.presented = self._used(contents, tls.presented)
        self._known = _mark(contents)

    def look(self) -> bool:
        """Read the files; present what they hold if it is a new and good pair. Return whether it was.

        Call it each minute, and when the operator asks. A pair that is not good, perhaps because it is being
        written at this moment, is logged once; the old pair stays in use.
        """
        try:
            contents = self._read()
            mark = _mark(contents)
            if mark == self._known:
                self._said = ""
                return False
            self._used(contents, self.presented.renew)
        except CannotStart as error:
            self._keep_old(str(error))
            return False
        self._known, self._said = mark, ""
        self._logger.info(
            "The certificate in {path} is presented from now on; it is good until {day}",
            path=self._paths.certificate,
            day=_day(self.presented.pair),
        )
        return True

    def _read(self) -> Contents:
        certificate = self._content(self._paths.certificate, "--tls-cert")
        return certificate, self._content(self._paths.key, "--tls-key")

    def _content(self, path: Path, option: str) -> bytes:
        try:
            return self._files.read(path)
        except OSError as error:
            raise CannotStart(
                f"{path} cannot be read ({error.strerror}): let this user read it, or name another file "
                f"by {option}."
            ) from error

    def _used(self, contents: Contents, use: Callable[[KeyPair], T]) -> T:
        pair = read_pair(*contents, self._paths, self._wall())
        try:
            return use(pair)
        except (SSL.Error, crypto.Error) as error:
            raise CannotStart(
                f"OpenSSL refuses the certificate in {self._paths.certificate} ({_why(error)}): "
                "make another, with an EC key (P-256) or one of RSA with 2048 bits."
            ) from error

    def _keep_old(self, why: str) -> None:
        if why != self._said:
            self._said = why
            self._logger.error(
                "{why} Until then the old certificate stays in use; it is good until {day}",
                why=why,
                day=_day(self.presented.pair),
            )


def _mark(contents: Contents) -> list[bytes]:
    """Return digests that tell contents apart, without a second copy of the key in memory."""
    return [hashlib.sha256(content).digest() for content in contents]


def _why(error: SSL.Error | crypto.Error) -> str:
    """Return OpenSSL's own words; it keeps them in a queue, the last on top."""
    queue = error.args[0] if error.args else None
    return str(queue[-1][-1]) if queue else "it does not say why"


def _day(pair: KeyPair) -> str:
    return f"{datetime.fromtimestamp(pair.expires, UTC):%Y-%m-%d}"
