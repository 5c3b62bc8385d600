"""Rounds of a cluster, its honest users and a speaker, and what the users noticed."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chatnet.entries import Entry
from rigs.beside import Beside
from rigs.chaos import final_log
from rigs.postgres import whole_log
from rigs.processes import Cluster

HERE = Path(__file__).parents[2]
ROUND_SECONDS = 60.0
"""How long a round lasts; then everything is examined, and must be at rest."""
LATE_SECONDS = 60.0
"""How long the last visits of a round may take after its end."""


@dataclass
class Result:
    """What was said to a cluster, and the outcome: good if there are no ``violations``."""

    store: str
    visits: int = 0
    inputs: int = 0
    seconds: float = 0.0
    states: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.store}: {self.inputs:,} inputs by {self.visits:,} visits in {self.seconds:.0f} s; "
            f"{sum(self.codes.values()):,} boxes came back"
        )

    def add(self, tally: dict[str, Any]) -> None:
        """Add the tally of a round."""
        self.visits += tally["visits"]
        self.inputs += tally["inputs"]
        for name in ("states", "codes", "failed"):
            getattr(self, name).update(tally[name])
        self.violations += tally["wrong"]


class Rounds:
    """Hostile visits of ``seed`` to a cluster in ``place``; ``url`` is its database, if it has one."""

    def __init__(self, place: Path, url: str, seed: int, say: Callable[[str], object]) -> None:
        self._cluster = Cluster(place, environ={"CHATNET_STORE": url} if url else {})
        self._url = url
        self._seed = seed
        self._say = say
        self.result = Result("postgresql" if url else "sqlite")

    def run(self, seconds: float, first: int = 0, visits: int = 1 << 62) -> Result:
        """Make visits from ``first`` on, for ``seconds`` or ``visits`` of them; leave nothing running."""
        beside = Beside(self._cluster, self._read_log)
        try:
            beside.start()
            self._rounds(beside, seconds, first, visits)
            beside.close()
        except AssertionError as why:
            self.result.violations += str(why).splitlines()
        finally:
            self._cluster.close()
        return self.result

    def _rounds(self, beside: Beside, seconds: float, first: int, visits: int) -> None:
        began = time.monotonic()
        workers, left = beside.workers(), visits
        while left > 0 and (remaining := seconds - (time.monotonic() - began)) > 0:
            with beside.attacked(f"visits from {first} on"):
                tally = self._round(beside.master, workers, min(ROUND_SECONDS, remaining), first, left)
                self.result.add(tally)
                self.result.seconds = time.monotonic() - began
            self._say(str(self.result))
            assert not self.result.violations, "an answer was wrong"
            first, left = tally["next"], left - tally["visits"]

    def _round(
        self, master: int, workers: list[int], seconds: float, first: int, visits: int
    ) -> dict[str, Any]:
        ports = [part for port in workers for part in ("--worker", str(port))]
        process = self._cluster.popen(
            "python", "-m", "hostile.fuzz.speaker", "--master", str(master), *ports,
            "--token-file", str(self._cluster.data / "cluster.token"), "--seed", str(self._seed),
            "--first", str(first), "--seconds", str(seconds), "--visits", str(visits),
            environ={"PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])},
        )  # fmt: skip
        output, _ = process.communicate(timeout=seconds + LATE_SECONDS)
        assert process.returncode == 0, output.decode()
        tally: dict[str, Any] = json.loads(output.splitlines()[-1])
        return tally

    def _read_log(self) -> list[Entry]:
        cluster = self._cluster
        return (
            whole_log(self._url)
            if self._url
            else final_log(cluster.data / "log.sqlite", cluster.root / "copy")
        )
