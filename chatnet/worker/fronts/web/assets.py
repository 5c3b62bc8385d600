"""The files of the page: read once, and served under a name that changes with them. Pure but for
:func:`read_assets`.

They are served as they are, and :data:`WHOLE` and :data:`.LATER` beside them, all modules linked: see
:mod:`.linking`.

A page that an older or newer worker has served asks for files of another hash: it is told to try again, and
gets them from a worker that has them.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from chatnet.worker.fronts.web.compact import compact_script, compact_style
from chatnet.worker.fronts.web.linking import LATER, linked

HASH_DIGITS = 16
"""How many digits of the hash of all files stand in their paths."""
_SMALL = 512
"""Bytes below which compressing is not worth it."""
_ZIPPED = (".html", ".js", ".css", ".json", ".svg", ".webmanifest")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}
LOADER = "loader.js"
ROOTS = {
    "/": "index.html",
    "/page.js": LOADER,
    "/sw.js": "sw.js",
    "/manifest.webmanifest": "manifest.webmanifest",
    "/favicon.ico": "icons/favicon.ico",
}
ENTRY = "main.js"
"""The module with which the page begins."""
WHOLE = "whole.js"
"""The same, and all that it needs from the beginning."""
"""The files with a path of their own, which are asked for anew each time."""
HASH_MARK = b"__HASH__"
"""What stands in those files for the hash."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file: its bytes, also compressed if that is shorter, and their type."""

    content: bytes
    zipped: bytes | None
    kind: str
    etag: str


@dataclass(frozen=True, slots=True)
class Assets:
    """The files of one version of the page: under ``/a/HASH/``, and the ``roots`` by their own paths."""

    hash: str
    files: Mapping[str, Asset]
    roots: Mapping[str, Asset]


def assets_of(contents: Mapping[str, bytes]) -> Assets:
    """Return the assets with these contents, by their names."""
    whole = sha256()
    for name in sorted(contents):
        whole.update(sha256(name.encode()).digest() + sha256(contents[name]).digest())
    version = whole.hexdigest()[:HASH_DIGITS]
    mark = version.encode()
    roots = {
        path: _asset(name, contents[name].replace(HASH_MARK, mark))
        for path, name in ROOTS.items()
        if name in contents
    }
    return Assets(version, {name: _asset(name, content) for name, content in contents.items()}, roots)


def read_assets() -> Assets:
    """Return the assets that are installed with this program.

    :raises ValueError: its modules cannot be linked.
    """
    return assets_of(with_whole(_contents(files("chatnet") / "page", "")))


def with_whole(contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the contents, what all pages load compact, and :data:`WHOLE` if there is something to link."""
    texts = {name: content.decode() for name, content in contents.items() if name.endswith((".js", ".css"))}
    made = {name: compact_style(text) for name, text in texts.items() if name.endswith(".css")}
    if LOADER in texts:
        made[LOADER] = compact_script(texts[LOADER])
    if ENTRY in texts:
        made[WHOLE], later = linked(texts, ENTRY)
        if later:
            made[LATER] = later
    return {**contents, **{name: text.encode() for name, text in made.items()}}


def _contents(folder: Traversable, prefix: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    if not folder.is_dir():
        return found
    for one in folder.iterdir():
        if one.is_dir():
            found |= _contents(one, f"{prefix}{one.name}/")
        elif _ending(one.name) in _TYPES:
            found[prefix + one.name] = one.read_bytes()
    return found


def _asset(name: str, content: bytes) -> Asset:
    zipped = gzip.compress(content, 9, mtime=0) if name.endswith(_ZIPPED) else content
    is_shorter = len(zipped) < len(content) and len(content) >= _SMALL
    etag = f'"{sha256(content).hexdigest()[:HASH_DIGITS]}"'
    return Asset(content, zipped if is_shorter else None, _TYPES[_ending(name)], etag)


def _ending(name: str) -> str:
    return name[name.rfind(".") :] if "." in name else ""
