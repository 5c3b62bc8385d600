"""The options of ``twistd chat-front``."""

from __future__ import annotations

from twisted.application.service import IService

from chatnet.irc_options import IRC_OPTIONS
from chatnet.logs import logged
from chatnet.options import INSECURE, TLS_OPTIONS, ProgramOptions, a_count
from chatnet.worker.service import build_front as build
from chatnet.worker.tap import CLUSTER_OPTIONS
from chatnet.world.real import real_world


class Options(ProgramOptions):
    program = "chat-front"
    synopsis = "[options]"
    longdesc = (
        "Add an IRC front to a chatnet cluster: IRC clients connect to it. Masters and workers start those "
        "that they keep themselves: see their option --irc-fronts."
    )

    optFlags = [INSECURE]
    optParameters = [
        *CLUSTER_OPTIONS,
        *IRC_OPTIONS,
        *TLS_OPTIONS,
        ["spawned", None, None, "The pid of the supervisor that starts this front; not for people.", a_count],
    ]


def makeService(options: Options) -> IService:
    return logged(build(options, real_world()), options)
