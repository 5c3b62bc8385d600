"""The options of ``twistd chat-master``."""

from __future__ import annotations

from twisted.application.service import IService

from chatnet.addresses import MASTER_PORT
from chatnet.irc_options import IRC_FRONTS, IRC_OPTIONS
from chatnet.logs import logged
from chatnet.master.service import build
from chatnet.options import (
    INSECURE,
    TLS_OPTIONS,
    USUAL_DATA,
    ProgramOptions,
    a_count,
    a_host,
    a_process_count,
    a_store,
    an_address,
    port_range,
)
from chatnet.web_options import WEB_OPTIONS
from chatnet.world.real import real_world


class Options(ProgramOptions):
    """The options of a master."""

    program = "chat-master"
    synopsis = "[options]"
    longdesc = (
        "Runs a chatnet cluster on this machine: the primary master, which keeps the log and starts and "
        "watches the workers, and replicas, of which one takes over when it dies. Then chat with: "
        "twistd -n chat-client NAME. On the data of a cluster that runs it becomes a replica."
    )
    optFlags = [INSECURE]
    optParameters = [
        ["data", None, USUAL_DATA, "The directory of the log, the token and the workers' output."],
        [
            "listen",
            None,
            None,
            "Where to listen, HOST:PORT. Without it: 0.0.0.0, and the port of CHATNET_MASTER or "
            f"default_master_address, else {MASTER_PORT}.",
            an_address,
        ],
        ["token-file", None, None, "The cluster's token, made if missing. [default: DATA/cluster.token]"],
        [
            "store",
            None,
            None,
            "Where log and lease are kept, for a cluster of several machines: postgresql://HOST/DATABASE. "
            "Without it: CHATNET_STORE, else an embedded store in the data directory.",
            a_store,
        ],
        ["workers", None, 3, "How many workers to keep running on this machine.", a_process_count],
        ["replicas", None, 2, "How many replicas to keep standing by.", a_process_count],
        ["ports", None, None, "The ports for these workers, A-B; without it, any that are free.", port_range],
        ["advertise", None, None, "The host where clients find these workers, if not the master's.", a_host],
        ["post-rate", None, 20, "How many posts a second a user may make for long; 0: no limit.", a_count],
        [
            "new-names",
            None,
            30,
            "How many new names may be registered in ten minutes, in all; and five an hour from one address. "
            "0: no bound, for addresses neither.",
            a_count,
        ],
        *WEB_OPTIONS,
        *IRC_OPTIONS,
        IRC_FRONTS,
        *TLS_OPTIONS,
        ["spawned", None, None, "The pid of the primary that starts this replica; not for people.", a_count],
    ]  # fmt: skip


def makeService(options: Options) -> IService:
    """Return the service of one master process."""
    return logged(build(options, real_world()), options)
