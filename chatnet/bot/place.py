"""Where a bot finds the cluster, and when it tries again. Pure."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from chatnet.bot.errors import BotError

_SCHEMES = {"https": "wss", "http": "ws"}
LONGEST, SHORTEST = 10.0, 0.05
"""Seconds between two attempts to connect: at most so many, and of the first one."""
OPEN_SECONDS = 10.0
"""Seconds that an attempt may take."""
PING_SECONDS, PATIENCE_SECONDS = 15.0, 30.0
"""How often a sign of life is asked for, and how many seconds it may take."""
LEAVE_SECONDS = 10.0
"""Seconds that a bot which ends waits for the answers to what it has said."""
LATER_SECONDS = 1.0
"""Seconds after which a draft is sent again that the cluster could not take at that moment."""
KEEP_SECONDS = 60.0
"""How often it is kept that nothing was said."""


def socket_url(url: str, insecure: bool = False) -> str:
    """Return where the WebSocket of the cluster at ``url`` is.

    :raises BotError: it is none; or anybody between here and there could read the token.
    """
    parts = urlsplit(url.strip())
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
        raise BotError(f"{url!r} is not where a cluster can be: write https://HOST or https://HOST:PORT.")
    is_local = parts.hostname == "localhost" or _is_loopback(parts.hostname)
    if scheme == "ws" and not (is_local or insecure):
        raise BotError(f"Without TLS, anybody on the way to {parts.hostname} can read the token: use https.")
    return f"{scheme}://{parts.netloc}/ws"


def pause(attempt: int, chance: float) -> float:
    """Return how many seconds to wait after so many attempts that failed; ``chance`` is from 0 to 1.

    All bots of a worker that died come again, but not all at once.
    """
    return chance * min(LONGEST, SHORTEST * 2.0 ** min(attempt, 20))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
