"""Times are those of server-time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet.irc.times import read, shown


@given(st.integers(0, 253_402_300_799_999))
def test_a_time_is_read_as_it_is_shown(ms: int) -> None:
    """Server-time: ``YYYY-MM-DDThh:mm:ss.sssZ``, in UTC."""
    text = shown(ms)
    assert read(text) == ms
    assert datetime.fromisoformat(text) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def test_how_a_time_looks() -> None:
    assert shown(1_795_992_300_007) == "2026-11-29T22:45:00.007Z"
    assert read("2026-11-29T22:45:00Z") == read("2026-11-29T22:45:00.000Z")
    assert read("2026-11-29T22:45:00.0079Z") == 1_795_992_300_007


def test_a_leap_second_is_a_time() -> None:
    """Server-time has one as an example."""
    assert read("2012-06-30T23:59:60.419Z") == read("2012-07-01T00:00:00.419Z")


@pytest.mark.parametrize(
    "wrong",
    [
        *("", "*", "now", "2026-11-29", "2026-11-29T22:45:00.000", "2026-11-29 22:45:00.000Z"),
        *("2026-11-29T22:45:00.000+00:00", "2026-02-29T22:45:00.000Z", "2026-13-29T22:45:00.000Z"),
        *("2026-11-29T24:00:00.000Z", "2026-11-29T22:60:00.000Z", "2026-11-29T22:45:61.000Z"),
        *("1969-12-31T23:59:59.999Z", "0000-01-01T00:00:00.000Z", "２026-11-29T22:45:00.000Z"),
        *("2026-11-29T22:45:00.000Z\n", "2026-11-29T22:45:00.Z", "2026-11-29T22:45:00.0000000000Z"),
    ],
)
def test_what_is_no_time(wrong: str) -> None:
    assert read(wrong) is None
