"""Row: deliveries per second to 500 followers of one user on one worker, with 1, 5 and 20 posts in flight.

All contenders run during the whole bench, and take turns: so the machine's noise hits all of them. The
figures are medians, and ratios of medians. Next to each figure is the server's processor time per delivery:
unlike the rate, it does not depend on how much of the machine the receiving side takes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import bare, chatnet_feed, inspircd
from benchmarks.crowd import Contender, Crowd, Run, Uneven
from benchmarks.processes import scratch
from benchmarks.table import Row, median, milliseconds

FOLLOWERS = 500
DEPTHS = (1, 5, 20)
RATE = 100
"""How many posts a second are made while the time to delivery is measured."""
AIM = 1.3
"""The aim: this many times InspIRCd's deliveries."""

Serving = Callable[[Path, int], contextlib.AbstractContextManager[Contender]]
"""Runs a server in a directory, with a number of followers connected."""


@dataclass(frozen=True)
class Effort:
    """How long to measure: the number of rounds, and the seconds of each."""

    rounds: int
    seconds: float


def rows(quick: bool) -> Iterator[Row]:
    """Yield the rows of the fan-out, and those of the time to delivery; the same servers serve both."""
    effort = Effort(3, 0.3) if quick else Effort(7, 1.0)
    with scratch() as directory, _contenders(directory) as crowds:
        for depth in DEPTHS:
            yield from _depth_rows(take_turns(crowds, depth, effort), depth)
        yield from _delay_rows(
            {
                name: _again(crowd, partial(crowd.pace, RATE, 2 if quick else 8))
                for name, crowd in crowds.items()
            }
        )


@contextlib.contextmanager
def _contenders(directory: Path) -> Iterator[dict[str, Crowd]]:
    """Run all contenders that this machine has, each with its followers."""
    servers: list[Serving] = [chatnet_feed.serving, bare.serving]
    if inspircd.program():
        servers.append(inspircd.serving)
    with contextlib.ExitStack() as stack:
        crowds: dict[str, Crowd] = {}
        for serving in servers:
            contender = stack.enter_context(serving(directory, FOLLOWERS))
            crowds[contender.name] = Crowd(contender)
            stack.callback(crowds[contender.name].close)
        yield crowds


def take_turns(crowds: dict[str, Crowd], depth: int, effort: Effort) -> dict[str, list[Run]]:
    """Return the runs of each crowd, taken in turns."""
    runs: dict[str, list[Run]] = {name: [] for name in crowds}
    for _ in range(effort.rounds):
        for name, crowd in crowds.items():
            runs[name].append(_again(crowd, partial(crowd.saturate, depth, effort.seconds)))
    return runs


def _again(crowd: Crowd, run: Callable[[], Run]) -> Run:
    """Return one run; repeat it if a number got another digit during the run.

    :raises Uneven: five times in a row.
    """
    for _ in range(4):
        with contextlib.suppress(Uneven):
            crowd.prepare()
            return run()
    crowd.prepare()
    return run()


def _depth_rows(runs: dict[str, list[Run]], depth: int) -> Iterator[Row]:
    what = f"deliveries/s to {FOLLOWERS} followers, {depth} in flight"
    ours = runs.pop(chatnet_feed.Feed.name)
    for name in (inspircd.NAME, bare.Bare.name):
        aim = f"≥ {AIM}" if name == inspircd.NAME else ""
        theirs = runs.get(name)
        if theirs is None:
            yield Row(what, rate(ours), f"{name}: not installed", aim=aim)
            continue
        ratio = median(run.rate for run in ours) / median(run.rate for run in theirs)
        yield Row(what, rate(ours), f"{name}: {rate(theirs)}", ratio, aim)


def rate(runs: list[Run]) -> str:
    """Return deliveries per second, the server's processor time for each, and the receiving side's load."""
    cost = median(run.cost / run.deliveries for run in runs) * 1e6
    busy = median(run.busy for run in runs)
    return f"{median(run.rate for run in runs):,.0f} ({cost:.2f} µs; receiver {busy:.0%})"


def _delay_rows(runs: dict[str, Run]) -> Iterator[Row]:
    ours = runs.pop(chatnet_feed.Feed.name)
    yield Row(f"time to acknowledgement, {RATE} posts/s, p50 / p99", milliseconds(ours.acknowledged))
    beside = "; ".join(f"{name}: {milliseconds(run.delays)}" for name, run in runs.items())
    yield Row(
        f"time to delivery to {FOLLOWERS}, {RATE} posts/s, p50 / p99", milliseconds(ours.delays), beside
    )
