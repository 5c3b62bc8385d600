"""One Chromium for all tests of a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser.stage import browser
from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started
