"""Certificates and keys: the cluster's own, and faults in an operator's files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from a_pair import DAY, NOW, TODAY, certificates, key, new_authority
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from chatnet.auth import Token
from chatnet.errors import CannotStart
from chatnet.net.pair import KeyPair, PairFiles, fingerprint, read_pair, self_made

FILES = PairFiles(Path("/etc/fullchain.pem"), Path("/etc/privkey.pem"))
AUTHORITY = new_authority()
BETWEEN = AUTHORITY.appoint()
PAIR = BETWEEN.vouch(chain=[BETWEEN.pair.certificate])


def read(certificate: bytes, its_key: bytes, now: float = NOW) -> KeyPair:
    return read_pair(certificate, its_key, FILES, now)


def refusal(certificate: bytes, its_key: bytes, now: float = NOW) -> str:
    with pytest.raises(CannotStart) as refused:
        read(certificate, its_key, now)
    return str(refused.value)


# ---- self-made ----


def test_the_clusters_own_certificate_follows_from_its_token_for_ever() -> None:
    """Clients have pinned its key, and any release must make the same one of the same token."""
    pair = self_made(Token(bytes(range(32))))
    assert pair.fingerprint == "SHA256:UVhrdhym0zYrn0UFYsiMKE4jXKd1XtGgIQ99Gx3oCt8"
    content = pair.certificate.public_bytes(Encoding.DER)
    assert hashlib.sha256(content).hexdigest() == (
        "535b882d4729e8bbad4cd54cba9ca8df08fa2cdad8ac790302e9bdf85dba9b12"
    )


def test_two_clusters_have_nothing_in_common_that_a_browser_would_take_for_a_forgery() -> None:
    """Firefox refuses two certificates of one issuer with the same serial number, and offers no way round."""
    one, two = (self_made(Token(bytes([number]) * 32)) for number in (1, 2))
    assert one.fingerprint != two.fingerprint
    assert one.certificate.issuer != two.certificate.issuer
    assert one.certificate.serial_number != two.certificate.serial_number


def test_a_self_made_certificate_is_its_own_and_never_expires() -> None:
    """Its own key signs it, and it is valid from before there was chatnet."""
    pair = self_made(Token(bytes(32)))
    pair.certificate.verify_directly_issued_by(pair.certificate)
    assert pair.certificate.not_valid_before_utc < TODAY - 5 * 365 * DAY
    assert pair.expires > NOW + 1000 * 365 * DAY.total_seconds()
    assert pair.chain == ()


def test_what_is_made_of_a_token_for_two_purposes_is_unrelated() -> None:
    """This holds for two tokens too; the values are as RFC 5869 says, in any length."""
    token = Token(b"\x0b" * 32)
    assert token.derive("one", 16) != token.derive("two", 16)
    assert token.derive("one", 48)[:16] == token.derive("one", 16) != Token(bytes(32)).derive("one", 16)


def test_a_fingerprint_is_what_ssh_and_openssl_make_of_a_key() -> None:
    """It equals “openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64”, without
    padding."""
    text = fingerprint(PAIR.certificate.public_key())
    assert text == PAIR.fingerprint
    assert text.startswith("SHA256:")
    assert len(text) == len("SHA256:") + 43


def test_a_renewed_certificate_of_the_same_key_has_the_same_fingerprint() -> None:
    """Clients pin the key, not the certificate."""
    renewed = AUTHORITY.vouch("another.example", key=PAIR.key)
    assert renewed.fingerprint == PAIR.fingerprint


# ---- an operator's ----


def test_two_files_make_a_pair() -> None:
    """The server's own certificate is first, then those that lead to an authority."""
    assert read(certificates(PAIR), key(PAIR)).fingerprint == PAIR.fingerprint
    assert read(certificates(PAIR), key(PAIR)).chain == [BETWEEN.pair.certificate]
    assert read(certificates(PAIR), key(PAIR)).expires == (TODAY + DAY).timestamp()


def test_both_may_be_one_file_with_words_between() -> None:
    """“openssl s_client -showcerts” and many tools write such files."""
    together = b"Bag Attributes\n    friendlyName: x\n" + key(PAIR) + b"subject=/CN=x\n" + certificates(PAIR)
    assert read(together, together).fingerprint == PAIR.fingerprint
    assert read(together.replace(b"\n", b"\r\n"), together).fingerprint == PAIR.fingerprint


def test_the_key_of_another_certificate_is_refused() -> None:
    """One of the two was renewed, and the other was not."""
    other = AUTHORITY.vouch()
    assert refusal(certificates(PAIR), key(other)) == (
        "/etc/privkey.pem does not hold the key of the first certificate in /etc/fullchain.pem: "
        "copy both again, from one renewal."
    )


def test_an_expired_certificate_is_refused_and_one_that_is_not_good_yet() -> None:
    """Its own dates count; an expired one in its chain is the authority's affair, and often intended."""
    late, early = (TODAY + 2 * DAY).timestamp(), (TODAY - 2 * DAY).timestamp()
    assert refusal(certificates(PAIR), key(PAIR), late) == (
        "The certificate in /etc/fullchain.pem expired on 2026-06-02: renew it."
    )
    assert refusal(certificates(PAIR), key(PAIR), early) == (
        "The certificate in /etc/fullchain.pem is not good before 2026-05-31 12:00 UTC: wait, or set this "
        "machine's clock right."
    )
    old = new_authority(ends=TODAY - DAY)
    cross_signed = KeyPair(PAIR.certificate, PAIR.key, [old.pair.certificate])
    assert read(certificates(cross_signed), key(cross_signed)).chain == [old.pair.certificate]


@given(data=st.data())
def test_a_file_that_is_cut_anywhere_is_refused(data: st.DataObject) -> None:
    """It is being written, or the disk was full: a part of a chain or of a key is never taken for the whole.

    Only a cut between two certificates cannot be seen: a chain may end there.
    """
    whole, its_key = certificates(PAIR), key(PAIR)
    first = certificates(KeyPair(PAIR.certificate, PAIR.key))
    # The last character is a newline.
    at = data.draw(st.integers(0, len(whole) - 2).filter(lambda at: not len(first) - 1 <= at <= len(first)))
    why = refusal(whole[:at], its_key)
    assert why.startswith("/etc/fullchain.pem holds no" if at == 0 else "/etc/fullchain.pem is cut short")
    at = data.draw(st.integers(0, len(its_key) - 2))
    why = refusal(whole, its_key[:at])
    assert why.startswith("/etc/privkey.pem holds no" if at == 0 else "/etc/privkey.pem is cut short")


@pytest.mark.parametrize("path", [0, 1])
def test_a_damaged_file_is_refused(path: int) -> None:
    """Its frame is whole, but its content is not."""
    contents = [certificates(PAIR), key(PAIR)]
    lines = contents[path].splitlines(keepends=True)
    contents[path] = b"".join([lines[0], b"AAAA\n", *lines[2:]])
    assert (
        refusal(contents[0], contents[1]) == f"{FILES[path]} is cut short or damaged: copy it again, as PEM."
    )


def test_files_with_something_else_are_refused() -> None:
    """They are named the wrong way round, or in DER."""
    assert refusal(key(PAIR), key(PAIR)) == (
        "/etc/fullchain.pem holds no certificate: name the full chain, as PEM, by --tls-cert."
    )
    assert refusal(PAIR.certificate.public_bytes(Encoding.DER), key(PAIR)).startswith("/etc/fullchain.pem ")
    assert refusal(certificates(PAIR), certificates(PAIR)) == (
        "/etc/privkey.pem holds no private key: name the certificate's key, as PEM, by --tls-key."
    )


def test_a_key_with_a_passphrase_is_refused() -> None:
    """Nobody is there to type it when a process starts at night."""
    assert refusal(certificates(PAIR), key(PAIR, b"secret")) == (
        "The key in /etc/privkey.pem is locked by a passphrase: write it without one, by “openssl pkey”, "
        "for this user alone."
    )


def test_a_key_of_rsa_is_as_good() -> None:
    """Many authorities' tools still make RSA keys."""
    pair = AUTHORITY.vouch(key=rsa.generate_private_key(65537, 2048))
    assert read(certificates(pair), key(pair)).fingerprint == pair.fingerprint
