"""An operator's link to the primary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as NotInTime
from twisted.internet.error import ConnectionClosed
from twisted.protocols.amp import RemoteAmpError

from chatnet.addresses import Address, parse_masters
from chatnet.auth import Token
from chatnet.errors import CannotStart, ChatnetError
from chatnet.net.approach import Approach
from chatnet.net.dial import CANNOT_CONNECT, NotTrusted, dial, why_not
from chatnet.net.gate import Caller, NotPrimary, Unregistered
from chatnet.net.link import Link
from chatnet.net.outbox import Outboxes
from chatnet.net.pulse import CLUSTER_PULSE, Pulse
from chatnet.options import STORE_VARIABLE, find_masters
from chatnet.store.lease import FlockLease
from chatnet.store.sqlite.moved import NAME
from chatnet.world import World

PATIENCE = 5.0
"""Seconds that a master has to answer."""
HOPS = 3
"""How many replicas may redirect us, at most."""


def find_cluster(option: str | None, data: Path, world: World) -> list[Address]:
    """Return where the masters are that the operator means, named by ``option`` or found through ``data``.

    The directory says where its own primary listens. A shared store, or one that was moved into a database,
    has no lease there.

    :raises CannotStart: what was found is not an address.
    """
    named = find_masters(option, world)
    is_named = option or world.environ.get("CHATNET_MASTER") or named != parse_masters("localhost")
    if is_named or world.environ.get(STORE_VARIABLE) or _has_moved(data, world):
        return named
    published = FlockLease(world.files, data).published()
    found = Address.read(published.address) if published is not None else None
    return named if found is None else [found]


def _has_moved(data: Path, world: World) -> bool:
    try:
        return world.files.status(data / NAME) is not None
    except OSError:  # then the lease cannot be read either
        return False


def operators_approach(token: Token, insecure: bool, world: World) -> Approach:
    """Return how an operator reaches the primary: encrypted, also on loopback, unless ``insecure``.

    So a tunnel may be in between, whose ends have other addresses.
    """
    caller = Caller("operator", token, world.entropy, Outboxes(world.reactor), _pulse(world))
    return Approach(caller, insecure, world.tls, world.reactor)


async def reach(masters: Sequence[Address], approach: Approach, world: World) -> tuple[Address, Link]:
    """Return the primary's address and a proven link to it: the first of ``masters`` to answer is it or names
    it.

    :raises CannotStart: nobody answers, has our token, or knows the primary; the sentence says which.
    """
    named = ", ".join(str(master) for master in masters)
    places, replicas, refusal = list(masters), 0, ""
    silent: list[str] = []
    while places:
        master = places.pop(0)
        try:
            proven = Deferred.fromCoroutine(_reach(master, approach))
            return master, await proven.addTimeout(PATIENCE, world.reactor)
        except (ConnectionClosed, NotTrusted, *CANNOT_CONNECT, NotInTime) as error:
            silent.append(f"{master} ({_why(error)})")
        except NotPrimary as replica:
            replicas += 1
            if replica.primary is not None and replicas <= HOPS:
                places.insert(0, replica.primary)
        except (ChatnetError, RemoteAmpError) as error:
            # Perhaps a stranger has its port: another master may know where the primary is.
            refusal = refusal or f"The master at {master} refuses: {error}"
    if replicas:
        raise CannotStart(f"There is no primary at the moment, say the replicas at {named}. Ask again.")
    if refusal:
        raise CannotStart(refusal)
    raise CannotStart(
        f"No chatnet master answers at {', '.join(silent)}. Is it running there? Name another "
        "by --master, or its data directory by --data."
    )


async def connect(master: Address, world: World) -> Link:
    """Return a link to ``master``, without TLS and not proven.

    :raises CANNOT_CONNECT: nobody is there.
    """
    pulse = _pulse(world)

    def make() -> Link:
        return Link(Unregistered(), Outboxes(world.reactor), pulse)

    link = await dial(world.reactor, master, make, PATIENCE)
    pulse.start()
    link.when_lost().addCallback(lambda _: pulse.stop())
    return link


def _pulse(world: World) -> Pulse:
    return Pulse(world.reactor, world.monotonic, *CLUSTER_PULSE._replace(patience=PATIENCE))


def _why(error: Exception) -> str:
    return "it closed the connection" if isinstance(error, ConnectionClosed) else why_not(error)


async def _reach(master: Address, approach: Approach) -> Link:
    pulse = approach.caller.pulse

    def stop() -> None:
        if not len(pulse):
            pulse.stop()

    pulse.start()
    try:
        link = await approach.link(master, PATIENCE, PATIENCE)
    except BaseException:
        stop()
        raise
    link.when_lost().addCallback(lambda _: stop())
    return link
