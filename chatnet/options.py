"""The command-line options that the twistd programs and the operator's commands share."""

from __future__ import annotations

import getopt
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from twisted.python import usage

from chatnet.addresses import Address, parse_masters
from chatnet.errors import CannotStart
from chatnet.names import quoted
from chatnet.net.pair import PairFiles
from chatnet.output import printing, shown
from chatnet.start import TERMINAL
from chatnet.text import meant
from chatnet.wire.cluster import MOST_PROCESSES
from chatnet.world import Files, World, read_text
from chatnet.world.real import real_world

MASTER_HELP = (
    "The master, HOST[:PORT], or several with commas. Without it: CHATNET_MASTER, then the file "
    "default_master_address here, then the installed one."
)


_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}
_TIME = re.compile(r"(\d{1,5})([mhd])")

USUAL_DATA = "chatnet-data"
"""The data directory that is meant if no option names one."""
STORE_VARIABLE = "CHATNET_STORE"
"""The environment variable for the store's URL, which may contain a password."""


TLS_OPTIONS = [
    [
        "tls-cert",
        None,
        None,
        "A certificate with its chain, as PEM, to be presented at all ports; read again each minute and at "
        "SIGHUP. Without it: a self-made one.",
    ],
    ["tls-key", None, None, "The key of that certificate, as PEM."],
]
"""For ``optParameters``: what the ports present."""
INSECURE = ["insecure", None, "Speak plain to other machines, too: whoever is on the way can read all of it."]
"""For ``optFlags``."""


MAX_COUNT = 2**63 - 1
"""The largest number that stores, boxes and clocks can hold."""


def own_version() -> str:
    """Return the version of this program, as it was installed."""
    try:
        return f"chatnet {metadata.version('chatnet')}"
    except metadata.PackageNotFoundError:
        return "chatnet, not installed"


class VersionedOptions(usage.Options):
    """Options that know the version of chatnet."""

    def opt_version(self) -> None:
        """Display the version of chatnet and exit."""
        with shown(real_world()), printing():
            print(own_version())
        raise SystemExit(0)


class ProgramOptions(VersionedOptions):
    """Options of one twistd program. ``program`` names its pid and log files when the user did not.

    Two programs in one directory must not share twistd.pid and twistd.log.
    """

    program = ""

    def opt_help(self) -> None:
        """Display this help and exit."""
        with shown(real_world()), printing():
            super().opt_help()

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse the options, also those that follow an argument.

        :raises CannotStart: below twistd, which would print all of its options after the sentence.
        """
        try:
            found, others = sort_out(self, sys.argv[1:] if options is None else options)
            super().parseOptions([*found, "--", *others])
        except usage.UsageError as error:
            if self.parent is None:
                raise
            raise CannotStart(
                f"{self.program}: {as_sentence(error)} See twistd {self.program} --help."
            ) from error

    def postOptions(self) -> None:
        parent: Any = self.parent
        if parent is None:
            return
        if parent.get("pidfile") == "twistd.pid":
            parent["pidfile"] = f"{self.program}.pid"
        if not parent.get("nodaemon") and parent.get("logfile") is None:
            parent["logfile"] = f"{self.program}.log"
        if not parent.get("nodaemon"):
            with suppress(OSError):  # it may be closed
                parent[TERMINAL] = os.dup(2)


class Known(Protocol):
    """The known options, in getopt's form."""

    shortOpt: str

    @property
    def longOpt(self) -> Sequence[str]: ...


def sort_out(options: Known, arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the options among ``arguments``, each in one word, and the others, wherever they are.

    After ``--`` nothing is an option.

    :raises UsageError: there is no such option, or its value is missing.
    """
    found: list[tuple[str, str]] = []
    others: list[str] = []
    left = list(arguments)
    try:
        while left:
            options_here, behind = getopt.getopt(left, options.shortOpt, options.longOpt)
            found += options_here
            end = len(left) - len(behind) - 1
            if end >= 0 and left[end] == "--" and not (options_here and options_here[-1][1] == "--"):
                others += behind
                break
            others, left = others + behind[:1], behind[1:]
    except getopt.GetoptError as error:
        raise usage.UsageError(_with_nearest(error, options)) from error
    return [_spelt(options, *option) for option in found], others


def _with_nearest(error: getopt.GetoptError, options: Known) -> str:
    if not error.msg.endswith("not recognized"):
        return str(error)
    near = meant(f"--{error.opt}", (f"--{name.rstrip('=')}" for name in options.longOpt))
    return f"{error.msg}.{near}"


def _spelt(options: Known, name: str, value: str) -> str:
    if not name.startswith("--"):
        return name + value
    return f"{name}={value}" if f"{name[2:]}=" in options.longOpt else name


def as_sentence(error: usage.UsageError) -> str:
    """Return a whole sentence about an error in the arguments; getopt and Twisted give fragments."""
    said = str(error).removeprefix("Parameter type enforcement failed: ")
    return said if said.endswith((".", "!", "?")) else f"{said}."


def an_address(text: str) -> Address:
    """For ``optParameters``: HOST:PORT."""
    return Address.parse(text)


def a_host(text: str) -> str:
    """For ``optParameters``: a host without a port."""
    address = Address.parse(text, default_port=-1)
    if address.port != -1:
        raise ValueError(f"{quoted(text)} has a port: write HOST alone.")
    return address.host


def a_store(text: str) -> str:
    """For ``optParameters``: the URL of a shared store."""
    if not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("The store is a URL: write postgresql://USER:PASSWORD@HOST:PORT/DATABASE.")
    return text


def a_count(text: str) -> int:
    """For ``optParameters``: a whole number, at least 0, that fits into 63 bits."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{quoted(text)} is not a whole number.")
    if len(text) > len(str(MAX_COUNT)) or int(text) > MAX_COUNT:
        raise ValueError(f"{quoted(text)} is too large a number: {MAX_COUNT:,} is the largest.")
    return int(text)


def a_process_count(text: str) -> int:
    """For ``optParameters``: how many processes to keep on this machine."""
    count = a_count(text)
    if count > MOST_PROCESSES:
        raise ValueError(f"{count} processes are too many: at most {MOST_PROCESSES} are kept.")
    return count


def find_pair(options: Mapping[str, Any], directory: Path) -> PairFiles | None:
    """Return the files of the operator's certificate and key; None if none were named.

    :raises CannotStart: only one was named.
    """
    certificate, key = options["tls-cert"], options["tls-key"]
    if bool(certificate) != bool(key):
        raise CannotStart("--tls-cert and --tls-key go together: name both files, or neither.")
    return PairFiles(directory / certificate, directory / key) if certificate else None


def tls_words(pair: PairFiles | None, insecure: bool) -> list[str]:
    """Return the same options, for a child."""
    words = [] if pair is None else ["--tls-cert", str(pair.certificate), "--tls-key", str(pair.key)]
    return [*words, "--insecure"] if insecure else words


def a_time(given: str) -> int:
    """Return the seconds of ``30m``, ``12h`` or ``7d``.

    :raises ValueError: it is none of these.
    """
    found = _TIME.fullmatch(given)
    if found is None or not int(found[1]):
        raise ValueError(f"{quoted(given)} is not a time: write it as 30m, 12h or 7d.")
    return int(found[1]) * _SECONDS[found[2]]


def port_range(text: str) -> range:
    """For ``optParameters``: A-B, both included."""
    first, dash, last = text.partition("-")
    are_ports = dash and all(end.isascii() and end.isdigit() and len(end) <= 5 for end in (first, last))
    if not (are_ports and 0 < int(first) <= int(last) < 65536):
        raise ValueError(f"{quoted(text)} is not a range of ports: write A-B.")
    return range(int(first), int(last) + 1)


def find_masters(option: str | None, world: World) -> list[Address]:
    """Return the masters: by option, CHATNET_MASTER, ./default_master_address, or the installed copy.

    :raises CannotStart: what was found is not an address; the sentence names its source.
    """
    for source, text in _named_masters(option, world.environ, world.files, world.directory):
        try:
            return parse_masters(text)
        except ValueError as error:
            raise CannotStart(f"{source}: {error}") from error
    return parse_masters("localhost")


def _named_masters(
    option: str | None, environ: Mapping[str, str], files: Files, directory: Path
) -> Iterator[tuple[str, str]]:
    for source, text in (("--master", option), ("CHATNET_MASTER", environ.get("CHATNET_MASTER"))):
        if text is not None and text.strip():
            yield source, text
    for path in (
        directory / "default_master_address",
        Path(sys.prefix) / "share" / "chatnet" / "default_master_address",
        Path(__file__).parent.parent / "default_master_address",
    ):
        try:
            text = read_text(files, path)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        except OSError as error:
            raise CannotStart(f"{path} names no master ({error.strerror}): write HOST[:PORT].") from error
        if text.strip():
            yield str(path), text
