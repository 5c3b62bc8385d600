"""Times as server-time has them: UTC, in milliseconds. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_LEAP = 60


@lru_cache(maxsize=1_000)  # all of a batch that is committed have one time, and many hear it
def shown(ms: int) -> str:
    """Return a time, in milliseconds since 1970, as it stands in lines."""
    return f"{_second(ms // 1000)}.{ms % 1000:03}Z"


@lru_cache(maxsize=1_000)
def _second(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(text: str) -> int | None:
    """Return the time that stands so, in milliseconds since 1970; None if none does. A leap second is the one
    after it, as in a clock of Unix."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minutes, second = (int(part) for part in found.groups()[:6])
    try:
        minute = datetime(year, month, day, hour, minutes, tzinfo=UTC)
    except ValueError:
        return None
    if second > _LEAP or minute < _EPOCH:
        return None
    ms = int((found[7] or "").ljust(3, "0")[:3])
    return (int((minute - _EPOCH).total_seconds()) + second) * 1000 + ms
