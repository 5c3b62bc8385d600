"""What the page's service worker does: the page opens also where nobody answers, once it has been there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from browser.stage import CSP, HEADERS, asset_at
from playwright.sync_api import Browser, expect


class _Files(BaseHTTPRequestHandler):
    """The page's files by HTTP: what a service worker asks for passes by Playwright's routes."""

    def do_GET(self) -> None:
        asset = asset_at(self.path)
        self.send_response(200 if asset else 404)
        for name, value in {**HEADERS, "Content-Security-Policy": CSP}.items():
            self.send_header(name, value)
        if asset:
            self.send_header("Content-Type", asset.kind)
        self.end_headers()
        self.wfile.write(asset.content if asset else b"")

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def served() -> Iterator[str]:
    """Serve the page; yield where. Once left, nobody answers there."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_page_opens_where_nobody_answers(chromium: Browser) -> None:
    context = chromium.new_context()
    page = context.new_page()
    with served() as url:
        page.goto(f"{url}?scene=busy&keep#/%23tea")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()
    expect(page.locator(".post").last).to_contain_text("See you at noon")
    context.close()


AS_ON_ANDROID = """
window.Notification = class {
  static permission = "granted";
  constructor() {
    throw new TypeError("Illegal constructor");
  }
};
"""


def test_a_mention_is_told_also_where_only_a_service_worker_may(chromium: Browser) -> None:
    context = chromium.new_context(permissions=["notifications"])
    page = context.new_page()
    page.add_init_script(AS_ON_ANDROID)
    with served() as url:
        page.goto(f"{url}?scene=busy&keep#/%23tea")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.evaluate("window.fake.call({id: '1', room: '#tea', user: 'bob', text: 'hi alice', seq: 3})")
        shown = page.evaluate(
            """async () => {
              const shell = await navigator.serviceWorker.ready;
              for (let frame = 0; frame < 300; frame++) {
                const [one] = await shell.getNotifications();
                if (one) return [one.title, one.body, one.tag, one.data];
                await new Promise(requestAnimationFrame);
              }
              return null;
            }"""
        )
    assert shown == ["bob in #tea", "hi alice", "1", "#/%23tea/3"]
    context.close()
