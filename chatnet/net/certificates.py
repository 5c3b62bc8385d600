"""An operator's certificate: read from two files at the start, and again when what stands in them changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from OpenSSL import SSL
from twisted.logger import Logger

from chatnet.errors import CannotStart
from chatnet.net.pair import KeyPair, PairFiles, read_pair
from chatnet.world import Files, Tls

Contents = tuple[bytes, bytes]
"""Of the certificate's file, and the key's."""

T = TypeVar("T")


class Certificates:
    """The pair in ``paths``, for one port or several; ``presented`` is what they present.

    ``wall`` is in seconds since 1970. It is the contents that are compared, and not when the files were
    written: certbot's are links, whose own time does not change.

    :raises CannotStart: what is there cannot be used; the sentence says which file, and what to do.
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
        """Take what is there now, if it is another pair, and good; true if it was taken.

        To be called each minute, and when the operator says so. A pair that is not good, perhaps since it is
        being written just now, is said to the operator once; the old one goes on being presented.
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
        except SSL.Error as error:
            raise CannotStart(
                f"OpenSSL refuses the certificate in {self._paths.certificate} ({_why(error)}): "
                "make another, with an EC key or one of RSA with 2048 bits."
            ) from error

    def _keep_old(self, why: str) -> None:
        if why != self._said:
            self._said = why
            self._logger.error(
                "{why} Until then the certificate goes on being presented that is good until {day}",
                why=why,
                day=_day(self.presented.pair),
            )


def _mark(contents: Contents) -> list[bytes]:
    """Tells contents apart, without keeping a key in memory twice."""
    return [hashlib.sha256(content).digest() for content in contents]


def _why(error: SSL.Error) -> str:
    """OpenSSL's own words; it keeps them in a queue, the last on top."""
    queue = error.args[0] if error.args else None
    return str(queue[-1][-1]) if queue else "it does not say why"


def _day(pair: KeyPair) -> str:
    return f"{datetime.fromtimestamp(pair.expires, UTC):%Y-%m-%d}"
