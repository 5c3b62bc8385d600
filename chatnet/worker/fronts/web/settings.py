"""What the web front of a worker is given besides what all fronts share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chatnet.web_options import Place
from chatnet.worker.fronts.web.assets import Assets
from chatnet.worker.fronts.web.origins import NOBODY, Origins, Trusted
from chatnet.world import Clocks


@dataclass(frozen=True)
class WebSettings:
    """What the operator has said, and what is outside the program.

    ``public_url`` is where users find the page, and ``trusted`` are the proxies in front of us; ``hostname``
    is what this machine is called.
    """

    clocks: Clocks
    entropy: Callable[[int], bytes]
    assets: Assets
    public_url: Place | None = None
    trusted: Trusted = NOBODY
    hostname: str = ""

    @property
    def origins(self) -> Origins:
        """Where requests may come from."""
        return Origins(self.public_url, self.trusted, self.hostname)
