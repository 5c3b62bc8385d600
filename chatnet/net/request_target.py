"""What a request of HTTP asks for: a path, or a whole URL, as of a proxy (RFC 9112, 3.2.2). Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

_WHOLE = re.compile(r"(?P<scheme>https?)://(?P<host>[^/?#]+)(?P<path>[/?].*)?", re.IGNORECASE)


class Target(NamedTuple):
    """The ``path`` and the query; of a whole URL also its ``scheme`` and its ``host``, which counts instead
    of what the header ``Host`` says."""

    path: str
    scheme: str = ""
    host: str = ""

    @classmethod
    def of(cls, text: str) -> Target:
        """Return what stands so in the first line of a request."""
        whole = _WHOLE.fullmatch(text)
        if whole is None:
            return cls(text)
        path = whole["path"] or "/"
        return cls(path if path.startswith("/") else f"/{path}", whole["scheme"].lower(), whole["host"])
