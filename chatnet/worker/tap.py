"""The options of ``twistd chat-worker``."""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService

from chatnet.addresses import Address
from chatnet.irc_options import IRC_FRONTS, IRC_OPTIONS
from chatnet.logs import logged
from chatnet.options import (
    INSECURE,
    MASTER_HELP,
    TLS_OPTIONS,
    USUAL_DATA,
    ProgramOptions,
    a_count,
    a_host,
    an_address,
    port_range,
)
from chatnet.web_options import WEB_OPTIONS
from chatnet.worker.fronts.web.assets import read_assets
from chatnet.worker.service import build
from chatnet.world.real import real_world

CLUSTER_OPTIONS: list[Any] = [
    ["data", None, USUAL_DATA, "The directory in which the cluster's token is looked for."],
    ["master", None, None, MASTER_HELP],
    [
        "token-file",
        None,
        None,
        "The file with the cluster's token. Without it: CHATNET_TOKEN, then cluster.token in the data "
        "directory.",
    ],
    [
        "post-rate",
        None,
        20,
        "How many posts a second a user may send in the long run; five times as many at once; 0 is no "
        "limit. Faster ones are held, not refused.",
        a_count,
    ],
    [
        "new-names",
        None,
        30,
        "How many new names may be registered in ten minutes, in all; and five an hour from one address. "
        "0: no bound, for addresses neither.",
        a_count,
    ],
]
"""For ``optParameters``: what workers and fronts need to know of the cluster, and of its rates."""


class Options(ProgramOptions):
    program = "chat-worker"
    synopsis = "[options]"
    longdesc = "Add a worker to a chatnet cluster: it holds clients' sessions."

    optFlags = [INSECURE]
    optParameters = [
        [
            "listen",
            None,
            Address("0.0.0.0", 0),
            "Where to listen for clients, HOST:PORT; port 0 is any free one.",
            an_address,
        ],
        ["ports", None, None, "Listen on the first free port of A-B instead, behind a firewall.", port_range],
        [
            "advertise",
            None,
            None,
            "The host under which clients reach this worker, if it is not the one by which they reach the "
            "master, or the master us.",
            a_host,
        ],
        *CLUSTER_OPTIONS,
        *WEB_OPTIONS,
        *IRC_OPTIONS,
        IRC_FRONTS,
        *TLS_OPTIONS,
        [
            "spawned",
            None,
            None,
            "The pid of the supervisor that starts this worker; not for people.",
            a_count,
        ],
    ]


def makeService(options: Options) -> IService:
    return logged(build(options, real_world(), assets=read_assets()), options)
