"""Every test fails on an unexpected failure in the log, and on a Deferred whose failure was forgotten."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings
from twisted.logger import ILogObserver, LogEvent, formatEventAsClassicLogText, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from chatnet.irc_options import IRC_VARIABLE
from chatnet.port_options import NONE
from chatnet.web_options import WEB_VARIABLE

# All real clusters of the tests would want the same ports. Those that need one name it.
os.environ[WEB_VARIABLE] = os.environ[IRC_VARIABLE] = NONE

# How long an example takes is up to the machine.
settings.register_profile("chatnet", deadline=None)
settings.load_profile("chatnet")


def pytest_collection_finish() -> None:
    """Freeze what was imported: to search it for garbage after each test takes longer than most tests."""
    gc.collect()
    gc.freeze()


@implementer(ILogObserver)
class LoggedFailures:
    """The failures that were logged during a test."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        if "log_failure" in event:
            self.events.append(event)

    def text(self) -> str:
        """Return all of them as a log shows them."""
        return "".join(formatEventAsClassicLogText(event) or "" for event in self.events)

    def flush(self, kind: type[BaseException]) -> list[Failure]:
        """Take out and return those of ``kind``, which the test expected."""
        found = [event["log_failure"] for event in self.events if event["log_failure"].check(kind)]
        self.events = [event for event in self.events if not event["log_failure"].check(kind)]
        return found


@pytest.fixture(autouse=True)
def logged_failures() -> Iterator[LoggedFailures]:
    """Fail the test on any failure that was logged and not flushed."""
    failures = LoggedFailures()
    globalLogPublisher.addObserver(failures)
    yield failures
    gc.collect()
    globalLogPublisher.removeObserver(failures)
    left = [event["log_failure"].getTraceback() for event in failures.events]
    assert not left, "a failure was logged that the test did not expect:\n" + "\n".join(left)
