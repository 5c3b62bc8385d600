"""Who wants in, and by which password, is read from SASL and PASS however clients spell it."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatnet import names
from chatnet.irc import sasl
from chatnet.irc.sasl import Credentials, Exchange, External, Login, Step, in_pass, login_of, mechanisms


def pieces(message: bytes) -> list[str]:
    """Return how a client cuts a message: what has 400 bytes is followed by more, perhaps by nothing."""
    text = b64encode(message).decode()
    parts = [text[at : at + 400] for at in range(0, len(text), 400)]
    return parts if parts and len(parts[-1]) < 400 else [*parts, "+"]


def said(message: bytes) -> Step | Credentials | External:
    """Return what comes of a message, in a new exchange."""
    exchange = Exchange()
    assert exchange.said("PLAIN") is Step.ASK
    *before, last = pieces(message)
    assert all(exchange.said(piece) is Step.MORE for piece in before)
    return exchange.said(last)


def test_a_name_and_a_password() -> None:
    """RFC 4616: whom to act as, who one is, the password; the first may be left out, or say the same."""
    wanted = Credentials(Login("alice", "Alice"), b"p\xc3\xa4ssword")
    for acts_as in (b"", b"Alice", b"alice"):
        assert said(acts_as + b"\0Alice\0p\xc3\xa4ssword") == wanted
    assert said(b"\0alice@Phone-2\0secret") == Credentials(Login("alice", "alice", "phone-2"), b"secret")
    assert said(b"alice@phone\0alice@phone\0s") == said(b"alice\0alice@phone\0s")


def test_what_nobody_can_be_called_is_not_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message has room for thousands of marks, which take the square of their number to be put in order."""
    folded: list[str] = []

    def fold(word: str) -> str:
        folded.append(word)
        return names.fold(word)

    monkeypatch.setattr(sasl, "fold", fold)
    marks = ("e" + "\u0301\u0323" * 1_400).encode()
    for name in (marks, b"alice@" + marks):
        assert said(name + b"\0alice\0secret") is Step.FAILED
        assert said(b"\0" + name + b"\0secret") is Step.FAILED
    assert not folded


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"alice",
        b"alice\0secret",
        b"bob\0alice\0secret",
        b"\0alice\0",
        b"\0\0secret",
        b"\0alice\0sec\0ret",
        b"\0alice\0sec\xffret",
        b"\0al ice\0secret",
        b"\0admin\0secret",
        b"\0alice@\xc3\xa4\0secret",
        b"\0~alice\0secret",
    ],
)
def test_what_is_no_login_fails_and_another_may_begin(wrong: bytes) -> None:
    """SASL 3.1: 904, and the session state stays as it was."""
    assert said(wrong) is Step.FAILED
    exchange = Exchange()
    for piece in ("PLAIN", *pieces(wrong)):
        exchange.said(piece)
    assert exchange.said("PLAIN") is Step.ASK
    assert isinstance(exchange.said(pieces(b"\0alice\0secret")[0]), Credentials)


@pytest.mark.parametrize("wrong", ["=", "AAA", "A A=", "é", "AGFsaWNl!", "AGEAYg==AGEAYg=="])
def test_broken_base64_fails(wrong: str) -> None:
    exchange = Exchange()
    exchange.said("PLAIN")
    assert exchange.said(wrong) is Step.FAILED


def test_pieces_of_400_bytes() -> None:
    """SASL 3.1: what is longer is cut into pieces of 400 bytes; a last one of 400 is followed by ``+``."""
    for size in (200, 299, 300, 301, 600, 5_000):
        secret = b"x" * (size - len(b"\0alice\0"))
        assert said(b"\0alice\0" + secret) == Credentials(Login("alice", "alice"), secret)
    exchange = Exchange()
    exchange.said("PLAIN")
    assert exchange.said("A" * 401) is Step.TOO_LONG
    assert exchange.said("A" * 400) is Step.UNKNOWN  # that has ended


def test_a_message_has_8_kb() -> None:
    """SASL 3.1: 904, since 905 is for a piece that is too long; nothing is kept of it."""
    exchange = Exchange()
    exchange.said("PLAIN")
    steps = [exchange.said("A" * 400) for _ in range(21)]
    assert steps == [Step.MORE] * 20 + [Step.FAILED]
    assert exchange.said("plain") is Step.ASK


def test_an_exchange_can_be_given_up() -> None:
    """SASL 3.1: ``*`` ends it, with 906."""
    exchange = Exchange()
    exchange.said("PLAIN")
    assert exchange.said("*") is Step.ABORTED
    assert exchange.said(b64encode(b"\0alice\0secret").decode()) is Step.UNKNOWN


def test_other_mechanisms_are_not_known() -> None:
    """SASL 3.1: 908 lists those that are."""
    assert Exchange().said("SCRAM-SHA-256") is Step.UNKNOWN
    assert Exchange().said("+") is Step.UNKNOWN
    assert Exchange().said("") is Step.UNKNOWN


@given(
    st.lists(
        st.one_of(st.text(max_size=12), st.sampled_from(["PLAIN", "+", "*", "AAAA", "A" * 400])), max_size=30
    )
)
def test_an_exchange_takes_anything(words: list[str]) -> None:
    exchange = Exchange()
    for word in words:
        assert isinstance(exchange.said(word), Step | Credentials)


def test_the_secret_of_a_program_in_digits() -> None:
    """The 32 random bytes of the terminal are typed as 64 hexadecimal digits; all else is a password."""
    login = Login("alice", "alice")
    assert Credentials(login, b"0aF" + b"0" * 61).random == b"\x0a\xf0" + bytes(30)
    for other in (b"0" * 63, b"0" * 65, b"g" * 64, b"0" * 64 + b"\n"):
        assert Credentials(login, other).random is None


def test_names_with_a_device() -> None:
    """Bouncers spell it so: what a device has read is kept for itself."""
    assert login_of("Alice@Work.PC_2") == Login("alice", "Alice", "work.pc_2")
    assert login_of("alice@") == Login("alice", "alice")
    for wrong in ("", "@phone", "alice@a b", "alice@a@b", "alice@-a", "alice@" + "x" * 41, "alice/phone"):
        assert login_of(wrong) is None


def test_a_pass_with_and_without_a_name() -> None:
    """``PASS secret``, ``PASS alice:secret`` and ``PASS alice@phone:secret``."""
    assert in_pass("secret", "Alice") == Credentials(Login("alice", "Alice"), b"secret")
    assert in_pass("ALICE:secret", "alice") == Credentials(Login("alice", "ALICE"), b"secret")
    assert in_pass("bob@phone:secret:2", "alice") == Credentials(Login("bob", "bob", "phone"), b"secret:2")


def test_a_colon_in_a_password_names_nobody() -> None:
    """A name that one did not mean would be registered, with half of a password."""
    assert in_pass("correct:horse", "alice") == Credentials(Login("alice", "alice"), b"correct:horse")
    assert in_pass(":horse", "alice") == Credentials(Login("alice", "alice"), b":horse")
    assert in_pass("alice:", "alice") is None
    assert in_pass("", "alice") is None
    assert in_pass("secret", "") is None


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (b"", External(None)),
        (b"Alice", External(Login("alice", "Alice"))),
        (b"alice@phone", External(Login("alice", "alice", "phone"))),
        (b"al ice", Step.FAILED),
        (b"\xff", Step.FAILED),
        (b"x" * 300, Step.FAILED),
        (b"alice\0", Step.FAILED),
    ],
)
def test_by_a_certificate(message: bytes, wanted: External | Step) -> None:
    """RFC 4422, appendix A: whom to act as, or nothing. In any capitals, in its pieces."""
    exchange = Exchange(has_certificate=True)
    for _ in range(2):
        assert exchange.said("External") is Step.ASK
        *before, last = pieces(message)
        assert all(exchange.said(piece) is Step.MORE for piece in before)
        assert exchange.said(last) == wanted
        assert not exchange.is_open


def test_mechanisms_are_those_that_can_work() -> None:
    """Without a certificate EXTERNAL is unknown; what one mechanism begins is read as that one's."""
    assert Exchange().said("EXTERNAL") is Step.UNKNOWN
    assert (mechanisms(False), mechanisms(True)) == ("PLAIN", "PLAIN,EXTERNAL")
    exchange = Exchange(has_certificate=True)
    for name in ("PLAIN,EXTERNAL", "", ",", "SCRAM-SHA-256"):
        assert exchange.said(name) is Step.UNKNOWN
    assert exchange.said("EXTERNAL") is Step.ASK
    assert exchange.said("*") is Step.ABORTED
    assert exchange.said("PLAIN") is Step.ASK
    assert exchange.said("+") is Step.FAILED
