"""Secrets: random bytes and passwords, and what is stored of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet import credentials
from chatnet.errors import BadSecret
from chatnet.limits import COST


def test_random_secrets() -> None:
    """A random secret has 32 bytes, is checked without a thread, and is not stored itself."""
    credential = credentials.random_credential(b"s" * 32)
    assert not credentials.is_password(credential)
    assert credentials.matches(credential, b"s" * 32)
    assert not credentials.matches(credential, b"S" * 32)
    assert "ssss" not in credential
    for size in (0, 8, 31, 33, 60_000):
        with pytest.raises(BadSecret):
            credentials.random_credential(b"x" * size)


def test_passwords() -> None:
    """A password is stored as argon2; the same draft gives the same credential, another draft another."""
    credential = credentials.password_credential(b"correct horse", b"k" * 16, COST)
    assert credentials.is_password(credential)
    assert credential.startswith("$argon2id$")
    assert credentials.matches(credential, b"correct horse")
    assert not credentials.matches(credential, b"incorrect horse")
    assert credentials.password_credential(b"correct horse", b"k" * 16, COST) == credential
    assert credentials.password_credential(b"correct horse", b"l" * 16, COST) != credential


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        (b"", "at least 8 characters"),
        (b"short", "at least 8 characters"),
        ("äöüß".encode(), "at least 8 characters"),
        ("e\u0301e\u0301e\u0301e\u0301".encode(), "at least 8 characters"),
        (b"x" * 1025, "at most 1,024 bytes"),
        (("ä" * 513).encode(), "at most 1,024 bytes"),
        (b"\xff" * 20, "UTF-8"),
        (b"\xed\xa0\x80" * 10, "UTF-8"),
    ],
)
def test_bad_passwords_get_a_sentence(password: bytes, sentence: str) -> None:
    """Too few characters, too many bytes and no text are all refused before any hashing."""
    with pytest.raises(BadSecret, match=sentence):
        credentials.normalized(password)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("cafe\u0301 cre\u0300me", "caf\u00e9 cr\u00e8me"),
        ("correct\u00a0horse", "correct horse"),
        ("correct\u3000horse\u2003battery", "correct horse battery"),
        ("Case And  Spaces ", "Case And  Spaces "),
        ("ﬁne tab\there", "ﬁne tab\there"),
    ],
)
def test_one_password_has_one_spelling(typed: str, stored: str) -> None:
    """Its spelling does not depend on the keyboard; nothing else of it is changed, since we must not
    guess."""
    assert credentials.normalized(typed.encode()) == stored.encode()


@given(
    st.text(min_size=8, max_size=200).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text))
)
def test_normalizing_twice_changes_nothing(password: str) -> None:
    """Else a password would change when it is passed on; a password may also be refused."""
    try:
        once = credentials.normalized(password.encode())
    except BadSecret:
        return
    if len(once) <= credentials.MAX_PASSWORD:
        assert credentials.normalized(once) == once


@pytest.mark.parametrize("secret", [b"\xff" * 32, b"short", b"x" * 60_000])
def test_what_is_no_password_is_no_passwords_secret(secret: bytes) -> None:
    """It is wrong, not bad, and costs no hash: a client shows the random bytes that a password replaced."""
    credential = credentials.password_credential(b"correct horse", b"k" * 16, COST)
    assert not credentials.may_match(credential, secret)
    assert not credentials.matches(credential, secret)
