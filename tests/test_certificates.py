"""An operator's certificate: what a process starts with, and what happens when the files change."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import odd_pairs
import pytest
from a_pair import DAY, NOW, TODAY, certificates, key, new_authority
from cryptography.hazmat.primitives.asymmetric import rsa
from twisted.logger import capturedLogs, formatEvent

from chatnet.errors import CannotStart
from chatnet.net.certificates import Certificates
from chatnet.net.pair import KeyPair, PairFiles
from chatnet.world import Files
from chatnet.world.real import RealFiles, real_world

AUTHORITY = new_authority()
OLD = AUTHORITY.vouch(ends=TODAY + DAY)
NEW = AUTHORITY.vouch(ends=TODAY + 2 * DAY)


class Directory:
    """The directory of an operator's pair, and a process that presents it."""

    def __init__(self, path: Path) -> None:
        self.paths = PairFiles(path / "fullchain.pem", path / "privkey.pem")
        self.now = NOW
        self.put(OLD)

    def put(self, pair: KeyPair) -> None:
        self.paths.certificate.write_bytes(certificates(pair))
        self.paths.key.write_bytes(key(pair))

    def write(self, contents: odd_pairs.Contents) -> None:
        for path, content in zip(self.paths, contents, strict=True):
            path.write_bytes(content)

    def open(self, files: Files | None = None) -> Certificates:
        world = real_world()
        return Certificates(files or world.files, self.paths, lambda: self.now, world.tls)

    def refusal(self) -> str:
        with pytest.raises(CannotStart) as refused:
            self.open()
        return str(refused.value)


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return Directory(tmp_path)


def look(presented: Certificates) -> list[str | None]:
    """Return what is said about the pair."""
    with capturedLogs() as said:
        presented.look()
    return [formatEvent(event) for event in said]


def test_a_pair_is_there_from_the_start(directory: Directory) -> None:
    """Without a good pair the program does not start."""
    assert directory.open().presented.pair.fingerprint == OLD.fingerprint
    directory.put(KeyPair(OLD.certificate, NEW.key))
    assert "does not hold the key of the first certificate" in directory.refusal()


@pytest.mark.parametrize(("which", "option"), [(0, "--tls-cert"), (1, "--tls-key")])
def test_a_file_that_cannot_be_read_is_named(directory: Directory, which: int, option: str) -> None:
    """The sentence has the system's reason, and the option by which to name another file."""
    path = directory.paths[which]
    path.unlink()
    assert directory.refusal() == (
        f"{path} cannot be read (No such file or directory): let this user read it, or name another file by "
        f"{option}."
    )
    path.mkdir()
    assert directory.refusal().startswith(f"{path} cannot be read (Is a directory)")


def test_a_key_that_openssl_refuses_is_refused_at_the_start(directory: Directory) -> None:
    """It is refused at the start, and not at each handshake."""
    directory.put(AUTHORITY.vouch(key=rsa.generate_private_key(65537, 1024)))
    assert directory.refusal() == (
        f"OpenSSL refuses the certificate in {directory.paths.certificate} (ee key too small): make another, "
        "with an EC key (P-256) or one of RSA with 2048 bits."
    )


@pytest.mark.parametrize("what", odd_pairs.WRONG)
def test_what_cannot_be_used_is_said_in_one_sentence(directory: Directory, what: str) -> None:
    """At the start, and when the files change later: then the old pair is kept. There is never a
    traceback."""
    contents, sentence = odd_pairs.WRONG[what][0](), odd_pairs.WRONG[what][1]
    opened = directory.open()
    directory.write(contents)
    refusal = directory.refusal()
    assert sentence in refusal
    assert (refusal.count(". "), refusal[-1], "\n" in refusal) == (0, ".", False)
    assert look(opened) == [
        f"{refusal} Until then the old certificate stays in use; it is good until 2026-06-02"
    ]
    assert opened.presented.pair.fingerprint == OLD.fingerprint


@pytest.mark.parametrize("what", odd_pairs.RIGHT)
def test_what_is_odd_but_good_is_presented(directory: Directory, what: str) -> None:
    """Clients that pin its key do not look at the rest of it."""
    opened = directory.open()
    directory.write(odd_pairs.RIGHT[what]())
    assert opened.look() is True
    assert opened.presented.pair.fingerprint == directory.open().presented.pair.fingerprint


def test_a_file_that_this_user_may_not_read_is_named(directory: Directory) -> None:
    """This holds at the start, and later."""

    class Forbidden(RealFiles):
        forbidden = False

        def read(self, path: Path) -> bytes:
            if self.forbidden:
                raise PermissionError(errno.EACCES, "Permission denied")
            return super().read(path)

    files = Forbidden()
    opened = directory.open(files)
    files.forbidden = True
    sentence = f"{directory.paths.certificate} cannot be read (Permission denied): let this user read it"
    with pytest.raises(CannotStart, match=re.escape(sentence)):
        directory.open(files)
    (said,) = look(opened)
    assert said is not None
    assert said.startswith(sentence)
    assert opened.presented.pair.fingerprint == OLD.fingerprint


def test_a_new_pair_is_taken_when_it_is_there(directory: Directory) -> None:
    """It is said once; files that have not changed are not loaded again."""
    opened = directory.open()
    assert look(opened) == []
    directory.put(NEW)
    assert look(opened) == [
        f"The certificate in {directory.paths.certificate} is presented from now on; "
        "it is good until 2026-06-03"
    ]
    assert opened.presented.pair.fingerprint == NEW.fingerprint
    assert opened.look() is False


def test_a_link_that_leads_elsewhere_now_is_seen(directory: Directory, tmp_path: Path) -> None:
    """certbot uses links: the link's time does not change, and the new file's need not be later."""
    (tmp_path / "new").mkdir()
    new = Directory(tmp_path / "new")
    new.put(NEW)
    opened = directory.open()
    times = os.stat(directory.paths.certificate)
    for here, there in zip(directory.paths, new.paths, strict=True):
        os.utime(there, ns=(times.st_atime_ns, times.st_mtime_ns))
        here.unlink()
        here.symlink_to(there)
    assert opened.look() is True
    assert opened.presented.pair.fingerprint == NEW.fingerprint


def test_while_it_is_written_the_old_pair_is_kept(directory: Directory) -> None:
    """It is kept at any moment of the writing: one file after the other, and each in pieces."""
    opened = directory.open()
    for path, content in zip(directory.paths, (certificates(NEW), key(NEW)), strict=True):
        for end in range(0, len(content) - 1, 29):
            path.write_bytes(content[:end])
            assert opened.look() is False
            assert opened.presented.pair.fingerprint == OLD.fingerprint
        path.write_bytes(content)
        assert opened.look() is (path == directory.paths.key)
    assert opened.presented.pair.fingerprint == NEW.fingerprint


def test_what_is_wrong_is_said_once(directory: Directory) -> None:
    """It is said again if the fault becomes another, or comes back after it was corrected."""
    opened = directory.open()
    until = "Until then the old certificate stays in use; it is good until 2026-06-02"
    directory.paths.key.write_bytes(key(NEW))
    assert look(opened) == [
        f"{directory.paths.key} does not hold the key of the first certificate in "
        f"{directory.paths.certificate}: copy both again, from one renewal. {until}"
    ]
    assert look(opened) == []
    directory.paths.key.unlink()
    assert look(opened) == [
        f"{directory.paths.key} cannot be read (No such file or directory): let this user read it, or name "
        f"another file by --tls-key. {until}"
    ]
    directory.put(OLD)
    assert look(opened) == []
    directory.paths.key.unlink()
    assert len(look(opened)) == 1


def test_a_pair_that_is_not_good_yet_is_taken_when_it_is(directory: Directory) -> None:
    """The files have not changed since, but a refused pair is examined again."""
    opened = directory.open()
    directory.put(AUTHORITY.vouch(begins=TODAY + DAY / 2, ends=TODAY + 2 * DAY))
    assert opened.look() is False
    directory.now += DAY.total_seconds()
    assert opened.look() is True


def test_an_expired_pair_does_not_replace_a_good_one(directory: Directory) -> None:
    """Somebody copied the wrong files."""
    opened = directory.open()
    directory.put(AUTHORITY.vouch(begins=TODAY - 2 * DAY, ends=TODAY - DAY))
    assert opened.look() is False
    assert opened.presented.pair.fingerprint == OLD.fingerprint


def test_a_pair_that_openssl_refuses_does_not_replace_a_good_one(directory: Directory) -> None:
    """No client could use it."""
    opened = directory.open()
    directory.put(AUTHORITY.vouch(key=rsa.generate_private_key(65537, 1024)))
    assert opened.look() is False
    assert opened.presented.pair.fingerprint == OLD.fingerprint
