"""Rows: IRC beside AMP, InspIRCd, ngIRCd: deliveries per second to 500 followers, with no tags and with all.

One cluster has a worker, whose followers come by AMP, and an IRC front, with two channels of followers. So
has InspIRCd, as two daemons: one with the modules for tags, and one without; ngIRCd knows none. What comes is
counted by its length, by the same code for all, and the crowds take turns; each ratio is the median of those
of each round.

``python -m benchmarks.irc HOST:PORT [--followers N] [--tags] [--pid PID …]`` measures any IRC server that is
running, beside nothing: at depth 1, 5 and 20.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path

from benchmarks import cluster, inspircd, irc_daemons, ngircd
from benchmarks.chatnet_feed import Feed
from benchmarks.crowd import Crowd, Run
from benchmarks.fanout import DEPTHS, FOLLOWERS, Effort, rate, take_turns
from benchmarks.irc_feed import TAGS, IrcFeed, IrcServer
from benchmarks.processes import exit_on_sigterm, raise_file_limit, scratch
from benchmarks.table import Row, markdown, median
from chatnet.addresses import Address

BY_AMP, BY_IRC, WITH_TAGS = "by AMP", "by IRC", "by IRC with all tags"
INSPIRCD_WITH_TAGS = f"{inspircd.NAME} with tags"
BESIDE = {
    BY_IRC: ((BY_AMP, True), (inspircd.NAME, False), (ngircd.NAME, False)),
    WITH_TAGS: ((BY_AMP, True), (INSPIRCD_WITH_TAGS, False)),
}
"""What each is measured beside, and whether the aim is meant."""
AIM = "≥ 0.9"
"""The aim beside AMP: within a tenth."""


def rows(quick: bool) -> Iterator[Row]:
    """Yield the rows of deliveries."""
    effort = Effort(3, 0.3) if quick else Effort(9, 1.0)
    with scratch() as directory, _crowds(directory) as crowds:
        for depth in DEPTHS:
            yield from _depth_rows(take_turns(crowds, depth, effort), depth)


@contextlib.contextmanager
def _crowds(directory: Path) -> Iterator[dict[str, Crowd]]:
    """Run all contenders that this machine has, each with its followers."""
    with contextlib.ExitStack() as stack:
        running = stack.enter_context(cluster.running(directory, workers=1, fronts=1))
        ours = irc_daemons.ours(running)
        crowds = {
            BY_AMP: Crowd(Feed(running, FOLLOWERS, "amp")),
            BY_IRC: Crowd(IrcFeed(ours, FOLLOWERS, "plain")),
            WITH_TAGS: Crowd(IrcFeed(ours, FOLLOWERS, "tags", TAGS)),
        }
        if inspircd.program():
            crowds[inspircd.NAME] = Crowd(stack.enter_context(inspircd.serving(directory, FOLLOWERS)))
            tagged = stack.enter_context(inspircd.running(directory, inspircd.TAGS))
            crowds[INSPIRCD_WITH_TAGS] = Crowd(IrcFeed(tagged, FOLLOWERS, capabilities=TAGS))
        if ngircd.program():
            crowds[ngircd.NAME] = Crowd(IrcFeed(stack.enter_context(ngircd.running(directory)), FOLLOWERS))
        for crowd in crowds.values():
            stack.callback(crowd.close)
        yield crowds


def _depth_rows(runs: dict[str, list[Run]], depth: int) -> Iterator[Row]:
    for ours, beside in BESIDE.items():
        what = f"deliveries/s {ours} to {FOLLOWERS} followers, {depth} in flight"
        for name, is_meant in beside:
            theirs, aim = runs.get(name), AIM if is_meant else ""
            if theirs is None:
                yield Row(what, rate(runs[ours]), f"{name}: not installed", aim=aim)
                continue
            ratios = [one.rate / other.rate for one, other in zip(runs[ours], theirs, strict=True)]
            yield Row(what, rate(runs[ours]), f"{name}: {rate(theirs)}", median(ratios), aim)


def rows_of(server: IrcServer, followers: int, capabilities: str) -> Iterator[Row]:
    """Yield the rows of a server that is running."""
    crowd = Crowd(IrcFeed(server, followers, capabilities=capabilities))
    with contextlib.closing(crowd):
        for depth in DEPTHS:
            runs = take_turns({server.name: crowd}, depth, Effort(3, 1.0))[server.name]
            yield Row(f"deliveries/s to {followers} followers, {depth} in flight", rate(runs))


def main() -> None:
    """Measure the server that is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.irc", description="Measure an IRC server.")
    parser.add_argument("server", type=Address.parse, metavar="HOST:PORT")
    parser.add_argument("--followers", type=int, default=FOLLOWERS, metavar="N")
    parser.add_argument("--tags", action="store_true", help="let the followers have all tags")
    parser.add_argument("--accounts", action="store_true", help="log in with a PASS, as chatnet wants it")
    parser.add_argument("--pid", type=int, action="append", default=[], help="a process whose time counts")
    chosen = parser.parse_args()
    raise_file_limit()
    exit_on_sigterm()
    where = chosen.server
    password = irc_daemons.secret if chosen.accounts else None
    server = IrcServer("server", tuple(chosen.pid), where.port, where.host, password)
    print(markdown(rows_of(server, chosen.followers, TAGS if chosen.tags else "")))


if __name__ == "__main__":
    main()
