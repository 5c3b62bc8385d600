"""``python -m rigs.irc_clients --kills N``: real IRC clients on a real cluster, and real SIGKILL."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rigs.chaos import conclude
from rigs.irc_clients.irssi import Irssi
from rigs.irc_clients.limnoria import Limnoria
from rigs.irc_clients.lounge import TheLounge
from rigs.irc_clients.sopel import Sopel
from rigs.irc_clients.stage import Stage
from rigs.irc_clients.weechat import WeeChat

CLIENTS = {kind.NAME.lower().replace(" ", ""): kind for kind in (Irssi, WeeChat, Limnoria, Sopel, TheLounge)}
KINDS = {("replica",): 2, ("worker",): 4, ("primary",): 4, ("primary", "worker"): 3, ("fronts",): 1}
"""What is killed, and with which weight; first once each in this order."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m rigs.irc_clients", description=__doc__)
    parser.add_argument("--kills", type=int, default=30, help="how many times processes are killed")
    parser.add_argument("--clients", default=",".join(CLIENTS), help="which clients, with commas between")
    parser.add_argument("--seed", type=int, default=None, help="what the kills are drawn from")
    chosen = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(1 << 32) if chosen.seed is None else chosen.seed
    chance = random.Random(seed)
    root = Path(tempfile.mkdtemp(prefix="chatnet-irc-"))
    print(f"Seed {seed}; all is in {root}", flush=True)
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:8.2f}  {what}", flush=True)

    stage = Stage(root / "cluster", [CLIENTS[name] for name in chosen.clients.split(",")], say)
    with stage.open():
        for number in range(chosen.kills):
            kinds = chance.choices(list(KINDS), list(KINDS.values()))[0]
            if number < len(KINDS):
                kinds = list(KINDS)[number]
            if kinds == ("fronts",):
                stage.kill_fronts()
            else:
                stage.kill(*kinds)
        stage.read_back()
        return conclude(stage.judge(), root, "The transcripts, the store and the logs")


if __name__ == "__main__":
    sys.exit(main())
