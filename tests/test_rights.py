"""Who may own and read the data directory and the token, on a real disk seen by a chosen user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.logger import capturedLogs, formatEvent

from chatnet.auth import Token, find_token, make_token
from chatnet.errors import CannotStart
from chatnet.rights import secure_data, secure_token
from chatnet.world import FileStatus
from chatnet.world.real import RealFiles

TOKEN = b"ab" * 32


class Seen(RealFiles):
    """The disk, seen by user 1000, who owns all that others do not; who may be unable to change it."""

    def __init__(self) -> None:
        self.owners: dict[Path, int] = {}
        self.is_fixed = self.lies = False

    def user(self) -> int:
        return 1000

    def status(self, path: Path, follow: bool = True) -> FileStatus | None:
        found = super().status(path, follow)
        return found and found._replace(owner=self.owners.get(path, 1000))

    def protect(self, path: Path, mode: int) -> None:
        if self.is_fixed:
            raise PermissionError(1, "Operation not permitted")
        if not self.lies:
            super().protect(path, mode)


@pytest.fixture
def files() -> Seen:
    return Seen()


@pytest.fixture
def umask() -> Iterator[None]:
    """Set a careless umask."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def data(tmp_path: Path, umask: None) -> Path:
    """Return a directory made by ``mkdir``, with files that anybody may read."""
    (tmp_path / "data" / "log").mkdir(parents=True)
    for name in (
        "log.sqlite",
        "log.sqlite-wal",
        "log.sqlite-shm",
        "cluster.token",
        "lease",
        "log/worker-1.log",
    ):
        (tmp_path / "data" / name).write_bytes(TOKEN)
    return tmp_path / "data"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_what_is_ours_and_open_is_mended(files: Seen, data: Path) -> None:
    """All of it is closed, and one line says so; what is private already is not changed."""
    with capturedLogs() as said:
        secure_data(files, data)
        secure_data(files, data)
    assert {mode(path) for path in (data, data / "log")} == {0o700}
    assert {mode(path) for path in data.rglob("*") if path.is_file()} == {0o600}
    [line] = [formatEvent(event) for event in said]
    assert line.startswith(f"{data} was open to others (data, cluster.token, lease, …); it is private now.")


@pytest.mark.parametrize("name", ["", "cluster.token", "log.sqlite", "log", "log/worker-1.log"])
def test_what_is_somebody_elses_is_refused(files: Seen, data: Path, name: str) -> None:
    """It is refused whether private or not: the owner chose its content, or may read it at any time."""
    secure_data(files, data)
    files.owners[data / name] = 1001
    with pytest.raises(CannotStart, match=r"belongs to another user \(number 1001; .* as 1000\): .* chown"):
        secure_data(files, data)


@pytest.mark.parametrize("how", ["is_fixed", "lies"])
def test_what_cannot_be_mended_is_refused(files: Seen, data: Path, how: str) -> None:
    """We may not change it, or the file system has no rights."""
    setattr(files, how, True)
    with pytest.raises(CannotStart, match=r"open to others \(mode 0755\), and cannot be made private"):
        secure_data(files, data)


def test_what_is_not_there_is_nobodys(files: Seen, tmp_path: Path) -> None:
    """We will make it."""
    secure_data(files, tmp_path / "none")
    secure_token(files, tmp_path / "none")


@pytest.mark.parametrize("place", ["data", "above"])
def test_a_link_of_somebody_else_is_refused(files: Seen, data: Path, place: str) -> None:
    """In a directory where all may write, such as /tmp, they could change its target at any time."""
    link = data.parent / place / "link" if place != "data" else data.parent / "link"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(data if place == "data" else data.parent)
    path = link if place == "data" else link / "data"
    secure_data(files, path)
    files.owners[link] = 1001
    with pytest.raises(CannotStart, match="link belongs to another user"):
        secure_data(files, path)


def test_what_is_not_chatnets_alone_is_not_closed(files: Seen, data: Path) -> None:
    """A home directory is refused while it is open, and used unchanged while it is not."""
    (data / "thesis.txt").write_text("")
    with pytest.raises(CannotStart, match=r"holds what is not chatnet's \(thesis.txt\): choose a directory"):
        secure_data(files, data)
    assert mode(data) == 0o755
    data.chmod(0o700)
    secure_data(files, data)
    assert (mode(data / "thesis.txt"), mode(data / "log.sqlite")) == (0o644, 0o600)


def test_a_link_is_not_followed_to_close_what_it_leads_to(files: Seen, data: Path) -> None:
    """The logs may be in a directory of the system."""
    elsewhere = data.parent / "var-log"
    (data / "log").rename(elsewhere)
    elsewhere.chmod(0o755)
    (data / "log").symlink_to(elsewhere)
    secure_data(files, data)
    assert mode(elsewhere) == 0o755


def test_a_token_is_read_by_whom_it_is_meant_for(files: Seen, data: Path) -> None:
    """ssh has the same rule for keys, but ours are corrected; root may allow a group, and read
    everybody's."""
    path = data / "cluster.token"
    assert (
        find_token(files, {}, str(path), data).fingerprint == Token(bytes.fromhex(TOKEN.decode())).fingerprint
    )
    assert mode(path) == 0o600
    for owner, its_mode, says in (
        (0, 0o640, ""),
        (0, 0o644, "open to others"),
        (0, 0o660, "open to others"),
        (1001, 0o600, "belongs to another user"),
        (1001, 0o644, "belongs to another user"),
    ):
        files.owners[path] = owner
        path.chmod(its_mode)
        if says:
            with pytest.raises(CannotStart, match=says):
                find_token(files, {}, str(path), data)
            with pytest.raises(CannotStart, match=says):
                make_token(files, path, b"")
        else:
            assert find_token(files, {}, str(path), data)
    files.is_fixed = True
    files.owners[path] = 1000
    with pytest.raises(CannotStart, match="cannot be made private"):
        find_token(files, {}, str(path), data)


def test_what_is_made_is_private(data: Path) -> None:
    """This holds for any umask: databases with all of SQLite's files, and small files."""
    files = RealFiles()
    place = data.parent / "fresh" / "log"
    files.make_directory(place)
    connection = files.database(place / "log.sqlite")
    connection.execute("PRAGMA journal_mode=WAL; CREATE TABLE t (x)").fetchall()
    files.write(place / "lease", b"")
    files.create(place / "token", b"")
    os.close(files.append_to(place / "worker-1.log"))
    assert {mode(path) for path in place.iterdir()} == {0o600}
    assert len(list(place.iterdir())) == 6
    assert (mode(place), mode(place.parent)) == (0o700, 0o700)
    connection.close()
