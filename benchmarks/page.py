"""Rows: the page in Debian's Chromium: its size; the time until one may write; frames while 10,000 posts are
scrolled through, and while one writes and posts come.

One worker serves it; whatever the browser does takes part in the time, on the same processors. Each figure is
taken by a script in the page, from the times that the browser gives: of the navigation, of frames, of keys.
How much of it is the browser's own, a page says that is only a field to write in, and takes turns with ours.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, BrowserContext, Page, StorageState, sync_playwright

from benchmarks import cluster, wire
from benchmarks.processes import scratch
from benchmarks.table import Row, percentile
from chatnet.worker.fronts.web.assets import LOADER, WHOLE, read_assets
from chatnet.worker.fronts.web.linking import LATER

AUTHOR, READER, ROOM = "author", "reader", "#bench"
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-gpu"]
TIMEOUT = 60_000
"""Milliseconds that anything may take."""
FRAME, START = 50, 300
"""The aims: milliseconds of the longest frame, and until one may write."""
AT_ONCE = 100
"""How many posts are under way while the log is filled."""
RATE = 50
"""How many posts a second come while one writes."""
KEY_SECONDS = 0.05
SPEED = 30_000
"""Pixels that are scrolled a second: 500 a frame."""
REST = 1_500
"""Milliseconds after which a new window is thought to be at rest: it loads pages of the browser's own."""
BOX = ".composer textarea"
BARE = b"""<!doctype html><title>bare</title><div class="composer"><textarea></textarea></div>"""
"""The page that is no more than a field to write in."""

TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "ok",
    "Has anybody seen `ConnectionDone` here? It is **always** the second one, see https://example.org/a/b?c=d",
    "A longer one, which goes on for some lines on most screens: " + "so that heights differ. " * 12,
    "```\nfor post in posts:\n    print(post)\n```\nand that is all",
    "> quoted\n\nand *answered*, @reader",
)

READY = """\
window.ready = new Promise(done => {
  const look = () => {
    const box = document.querySelector(".composer textarea");
    if (box && !box.disabled && !box.readOnly && box.offsetHeight > 0) done(performance.now());
    else requestAnimationFrame(look);
  };
  look();
});
"""
"""Notes when one may write: checked before each frame."""

KEPT = "navigator.serviceWorker.ready.then(() => true)"
"""Waits until the browser has kept the page's files."""

FRAMES = """\
() => {
  const found = (window.frames50 = { gaps: [], long: [] });
  let before = performance.now();
  const next = now => {
    found.gaps.push(now - before);
    before = now;
    if (window.frames50 === found) requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
  const begun = before;
  new PerformanceObserver(list => {
    for (const one of list.getEntries()) if (one.startTime >= begun) found.long.push(one.duration);
  }).observe({ type: "long-animation-frame" });
}
"""
"""Notes the milliseconds between frames, and those of each frame over 50. Of the one that is being made, in
which the page comes up, the browser tells later: it is left out."""

KEYS = """\
() => {
  const waits = (window.waits = []);
  document.addEventListener("keydown", event => {
    requestAnimationFrame(() => {
      const drawn = new MessageChannel();
      drawn.port1.onmessage = () => waits.push(performance.now() - event.timeStamp);
      drawn.port2.postMessage(0);
    });
  }, { capture: true });
}
"""
"""Notes for each key the milliseconds from its being pressed until the next frame was drawn."""
WAITS = "() => new Promise(done => setTimeout(() => done(waits), 1000))"
"""Returns them, when the last frame has been drawn."""


def rows(quick: bool) -> Iterator[Row]:
    """Yield the rows of the size, and if there is a Chromium, those of times."""
    files = read_assets().files
    first = sum(len(files[name].zipped or files[name].content) for name in (LOADER, WHOLE, "style.css"))
    later = len(files[LATER].zipped or files[LATER].content)
    what = "the page: script and style, compressed"
    for when, size in (
        ("what is loaded at first", first),
        ("with what is loaded a second later", first + later),
    ):
        yield Row(f"{what}: {when}", f"{size / 1024:.1f} KB", aim="≤ 60 KB")
    program = shutil.which("chromium")
    if program is None:
        yield Row("the page in a browser", "Chromium is not installed")
        return
    with (
        scratch() as directory,
        cluster.running(directory, 1, web=True) as running,
        _bare() as bare,
        sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield from _Bench(running, bare, chromium).rows(quick)
        finally:
            chromium.close()


class _Bare(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/" else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(BARE)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # a closed tab asked for its icon
            self.wfile.write(BARE)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def _bare() -> Iterator[str]:
    """Serve the bare page; yield where."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Bare)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


class _Bench:
    """A reader at a page, and an author who talks in the same room."""

    def __init__(self, running: cluster.Cluster, bare: str, chromium: Browser) -> None:
        self._url = f"http://localhost:{running.web}/"
        self._room = f"{self._url}#/{quote(ROOM)}"
        self._bare = bare
        self._chromium = chromium
        self._author = running.connect([AUTHOR])[0]
        cluster.join([self._author], ROOM)
        self._tags = itertools.count(1)
        self._texts = itertools.cycle(TEXTS)

    def rows(self, quick: bool) -> Iterator[Row]:
        """Yield the rows of times."""
        profile = self._enter()
        self._fill(20)
        times = 5 if quick else 20
        yield self._starts("in a browser that has nothing of it", self._new(profile, REST), times)
        yield self._starts("and whose window opens in this moment", self._new(profile, 0), times)
        with self._context(profile) as context:
            self._visit(context)
            yield self._starts("once more", lambda url: self._start(context, url, 0), times)
        yield self._writing(profile, 3 if quick else 20)
        posts = 1000 if quick else 10_000
        self._fill(posts)
        yield self._scrolling(profile, posts)

    def _enter(self) -> StorageState:
        """Register the reader, who is in the room from now on; return what their browser keeps."""
        with self._context(None) as context:
            page = context.new_page()
            page.goto(self._url)
            page.locator("#field-name").fill(READER)
            page.locator("#field-name").press("Enter")
            page.locator(".you").wait_for()
            status = page.evaluate(
                """room => fetch(`/api/v1/rooms/${encodeURIComponent(room)}/membership`, {
                  method: "PUT", headers: { "Content-Type": "application/json" }, body: "{}",
                }).then(answer => answer.status)""",
                ROOM,
            )
            assert status in (200, 201), status
            return context.storage_state()

    @contextlib.contextmanager
    def _context(self, profile: StorageState | None) -> Iterator[BrowserContext]:
        context = self._chromium.new_context(
            storage_state=profile, viewport={"width": 1440, "height": 900}, locale="en-GB"
        )
        context.set_default_timeout(TIMEOUT)
        try:
            yield context
        finally:
            context.close()

    @contextlib.contextmanager
    def _open(self, profile: StorageState) -> Iterator[Page]:
        with self._context(profile) as context:
            page = context.new_page()
            page.goto(self._room)
            page.locator("chat-timeline .post").last.wait_for()
            yield page

    # ---- the author ----

    def _fill(self, count: int) -> None:
        """Let the author post so many."""
        for at in range(0, count, AT_ONCE):
            some = min(AT_ONCE, count - at)
            self._author.sendall(b"".join(self._post() for _ in range(some)))
            answered = 0
            while answered < some:
                came = self._author.recv(1 << 20)
                assert came, "the worker has hung up on the author"
                answered += came.count(wire.ANSWER)

    def _post(self) -> bytes:
        text = next(self._texts).encode()
        return wire.ask(next(self._tags), b"Post", key=wire.fresh_key(), text=text, room=ROOM.encode())

    @contextlib.contextmanager
    def _talking(self) -> Iterator[None]:
        """Let the author post all the while."""
        over = threading.Event()
        failed: list[Exception] = []

        def talk() -> None:
            due = time.monotonic()
            try:
                while not over.wait(max(0.0, due - time.monotonic())):
                    self._fill(1)
                    due += 1 / RATE
            except Exception as why:
                failed.append(why)

        talking = threading.Thread(target=talk)
        talking.start()
        try:
            yield
        finally:
            over.set()
            talking.join()
        if failed:
            raise failed[0]

    # ---- the rows ----

    def _new(self, profile: StorageState, rest: int) -> Callable[[str], float]:
        """Return what tells how long a page takes in a browser that has been nowhere but at the login."""

        def start(url: str) -> float:
            with self._context(profile) as context:
                return self._start(context, url, rest)

        return start

    def _visit(self, context: BrowserContext) -> None:
        """Open the page, until the browser has kept its files for the next time."""
        page = context.new_page()
        page.goto(self._room)
        page.evaluate(KEPT)
        page.close()

    def _start(self, context: BrowserContext, url: str, rest: int) -> float:
        """Open a page, in a tab that is there for so long; return how long it took until one might write."""
        page = context.new_page()
        page.add_init_script(READY)
        page.wait_for_timeout(rest)
        page.goto(url)
        took: float = page.evaluate("ready")
        if url == self._room:
            page.locator("chat-timeline .post").last.wait_for()
        page.close()
        return took

    def _starts(self, how: str, start: Callable[[str], float], times: int) -> Row:
        ours: list[float] = []
        bare: list[float] = []
        for _ in range(times):
            self._fill(1)  # a client that says nothing for long is hung up on
            ours.append(start(self._room))
            bare.append(start(self._bare))
        return Row(
            f"from navigation until one may write, {how}, p50 / worst of {times}",
            f"{percentile(ours, 0.5):.0f} / {max(ours):.0f} ms",
            f"a bare field: {percentile(bare, 0.5):.0f} / {max(bare):.0f} ms",
            aim=f"< {START} ms",
        )

    def _writing(self, profile: StorageState, seconds: int) -> Row:
        with self._open(profile) as page:
            ours = self._waits(page, seconds)
        with self._context(profile) as context:
            page = context.new_page()
            page.goto(self._bare)
            bare = self._waits(page, seconds)
        return Row(
            f"a key until it is drawn, while {RATE} posts/s come, p50 / p99 / worst of {len(ours)}",
            _waits(ours),
            f"a bare field: {_waits(bare)}",
            aim=f"≤ {FRAME} ms",
        )

    def _waits(self, page: Page, seconds: int) -> list[float]:
        """Return how long each key waits, while the author posts all the while."""
        box = page.locator(BOX)
        box.focus()
        page.evaluate(KEYS)
        with self._talking():
            typed = ""
            keys = itertools.cycle("the quick brown fox jumps over the lazy dog ")
            due = time.monotonic()
            until = due + seconds
            while due < until:
                page.wait_for_timeout(1000 * max(0.0, due - time.monotonic()))
                typed += (key := next(keys))
                page.keyboard.press("Space" if key == " " else key)
                due += KEY_SECONDS
        waits: list[float] = page.evaluate(WAITS)
        assert len(waits) == len(typed)
        assert box.input_value() == typed, "what was typed is not what stands there"
        return waits

    def _scrolling(self, profile: StorageState, posts: int) -> Row:
        with self._open(profile) as page:
            mouse = page.context.new_cdp_session(page)
            page.evaluate(FRAMES)
            begun = time.monotonic()
            while not page.locator("chat-timeline .beginning").count():
                assert time.monotonic() - begun < TIMEOUT / 1000, "the beginning was not reached"
                _scroll(mouse, 50_000)
            while not page.evaluate("document.querySelector('chat-timeline').isAtBottom"):
                _scroll(mouse, -200_000)
            found: dict[str, Any] = page.evaluate("frames50")
            page.evaluate("frames50 = null")
        return _frames_row(f"{posts:,} posts scrolled through, up and down", found["gaps"], found["long"])


def _scroll(mouse: Any, pixels: int) -> None:
    """Turn the wheel, fast."""
    mouse.send(
        "Input.synthesizeScrollGesture",
        {
            "x": 800,
            "y": 400,
            "yDistance": pixels,
            "speed": SPEED,
            "gestureSourceType": "mouse",
            "preventFling": True,
        },
    )


def _waits(waits: Sequence[float]) -> str:
    return f"{percentile(waits, 0.5):.0f} / {percentile(waits, 0.99):.0f} / {max(waits):.0f} ms"


def _frames_row(what: str, gaps: Sequence[float], long: Sequence[float]) -> Row:
    longest = f"{max(long):.0f} ms, {len(long)} over {FRAME} ms" if long else f"none over {FRAME} ms"
    return Row(
        f"{what}: the longest frame of {len(gaps):,}",
        f"{longest} (from one frame to the next at most {max(gaps):.0f} ms)",
        aim=f"≤ {FRAME} ms",
    )
