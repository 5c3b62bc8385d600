"""Says in a room that something was deployed: once, however often a pipeline runs this for one deployment.

    BOT_TOKEN=… python docs/examples/deploy_notifier.py https://chat.example.org '#ops' web 1842

Needs chatnet[bot], and a token for “post” is enough. It ends when the post is on the cluster's disks, and
until then it tries for ever; a pipeline has a time limit of its own.
"""

from __future__ import annotations

import os
import sys

from chatnet.bot.sync import Bot


def main(url: str, room: str, what: str, version: str) -> None:
    with Bot(url, os.environ["BOT_TOKEN"]) as bot:
        key = f"deployed {what} {version} {room}"
        seq = bot.post(f"deployed {what} {version}", room, key=key, form="notice")
    print(f"Said in {room}, as the entry {seq}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
