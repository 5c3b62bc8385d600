"""The page in a real browser, without a server: requests are answered from the tree, with the headers of the
web front; behind it is a fake app, which ``window.fake`` moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Route, sync_playwright

from chatnet.worker.fronts.web.assets import Asset, Assets, assets_of, with_whole

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
]
TIMEOUT = 10_000
"""How long the slowest machine may take to show something, in milliseconds."""
ORIGIN = "http://localhost:1"
PAGE = Path(__file__).parents[2] / "chatnet" / "page"
MAIN = """\
import { begin } from "./view/fake.js";
import { keepShell } from "./net/shell.js";
import { start } from "./view/shell.js";
export function main(base) {
  start(begin(), base);
  if (location.search.includes("keep")) void keepShell();
}
"""
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self' wss://localhost:1; manifest-src 'self'; worker-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; "
    "trusted-types chatnet"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


@cache
def assets() -> Assets:
    """Return the page's files as a worker serves them, but for the fake app."""
    files = {
        path.relative_to(PAGE).as_posix(): path.read_bytes() for path in PAGE.rglob("*") if path.is_file()
    }
    fake = Path(__file__).with_name("fake.js").read_bytes()
    return assets_of(with_whole({**files, "main.js": MAIN.encode(), "view/fake.js": fake}))


def asset_at(target: str) -> Asset | None:
    """Return what a worker has there."""
    path, known = urlsplit(target).path, assets()
    return known.roots.get(path) or known.files.get(path.removeprefix(f"/a/{known.hash}/"))


def answer(route: Route) -> None:
    """Answer one request as the web front does."""
    asset = asset_at(route.request.url)
    headers = {**HEADERS, "Content-Security-Policy": CSP}
    if asset is None:
        route.fulfill(status=404, headers=headers)
    else:
        route.fulfill(status=200, headers={**headers, "Content-Type": asset.kind}, body=asset.content)


@contextmanager
def browser() -> Iterator[Browser]:
    """Run Debian's Chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def opened(
    chromium: Browser,
    scene: str = "busy",
    *,
    hash: str = "",
    query: str = "",
    width: int = 1440,
    height: int = 900,
    dark: bool = False,
    locale: str = "en-GB",
    touch: bool = False,
    before: str = "",
) -> Iterator[Page]:
    """Open the page in a profile of its own, after the script ``before``; what it logs as errors fails."""
    assets()  # what is wrong with them is told here
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        locale=locale,
        timezone_id="Europe/Berlin",
        has_touch=touch,
        is_mobile=touch,
        service_workers="block",
    )
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=ORIGIN)
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type in ("error", "warning") else None)
    page.add_init_script(before)
    page.route("**/*", answer)
    page.goto(f"{ORIGIN}/?scene={scene}{query}{hash}")
    page.locator("chat-page > *").first.wait_for()
    try:
        yield page
        assert not errors, errors
    finally:
        context.close()
