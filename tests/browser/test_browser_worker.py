"""The page on a real cluster: a person comes in by HTTP, another one by TLS, and each hears the other."""

from __future__ import annotations

from pathlib import Path

from browser.stage import TIMEOUT
from playwright.sync_api import Browser, Page, expect

from rigs.processes import Cluster, free_port


def come(chromium: Browser, url: str, name: str) -> Page:
    """Open the page in a browser of its own, and register a name."""
    page = chromium.new_context(ignore_https_errors=True).new_page()
    page.set_default_timeout(TIMEOUT)
    page.goto(url)
    page.locator("#field-name").fill(name)
    page.locator("#field-name").press("Enter")
    expect(page.locator(".you")).to_contain_text(name, timeout=TIMEOUT)
    return page


def say(page: Page, text: str) -> None:
    """Post a text, and wait until it is on the server's disk."""
    page.locator(".composer textarea").fill(text)
    page.locator(".composer textarea").press("Enter")
    expect(page.locator(".post", has_text=text).locator(".stored")).to_have_count(1, timeout=TIMEOUT)


def test_people_talk_by_the_page_of_a_worker(chromium: Browser, tmp_path: Path) -> None:
    """Cookies, policies and sockets are as a browser wants them, with TLS and without; a page that is loaded
    again is still logged in, and shows each post once; a room that is joined elsewhere is there. Nothing that
    a page does is refused by its policy."""
    port = free_port()
    cluster = Cluster(tmp_path, "--web", f"127.0.0.1:{port}")
    try:
        cluster.start()
        wrong: list[str] = []
        alice = come(chromium, f"http://127.0.0.1:{port}/", "alice")
        alice.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        assert alice.url.startswith(f"http://localhost:{port}/")
        bob = come(chromium, f"https://localhost:{port}/", "bob")
        say(alice, "tell @bob that it works")
        expect(bob.locator(".post.mention .text")).to_have_text("tell @bob that it works", timeout=TIMEOUT)
        alice.reload()
        expect(alice.locator(".post .text")).to_have_text(["tell @bob that it works"], timeout=TIMEOUT)
        say(alice, "and again")
        origin = f"http://localhost:{port}"
        tea = f"{origin}/api/v1/rooms/%23tea/membership"
        assert alice.request.put(tea, headers={"Origin": origin}).ok
        expect(alice.locator(".room", has_text="tea")).to_have_count(1, timeout=TIMEOUT)
        assert not wrong
        cookies = {cookie["name"]: cookie for cookie in bob.context.cookies()}
        assert all(name.startswith("__Host-chatnet-") and cookies[name]["httpOnly"] for name in cookies)
        for page in (alice, bob):
            page.context.close()
    finally:
        cluster.close()
