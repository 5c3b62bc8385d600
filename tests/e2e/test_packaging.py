"""However chatnet is installed, twistd finds its three programs, and ``chatnet`` runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TWISTD = "from twisted.scripts.twistd import run; run()"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of the sources, as a user has them."""
    copy = tmp_path / "tree"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Return a fresh environment that has what chatnet needs, but not chatnet."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    site = next((home / "lib").glob("python3*")) / "site-packages"
    # Only the directory is named, so its .pth files, for example that of an editable chatnet, are not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin" / "python"


def pip_install(python: Path, tree: Path, *what: str) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-build-isolation", "--force-reinstall", *what],
        cwd=tree,
        check=True,
    )


@pytest.mark.parametrize("way", ["plain", "editable", "wheel"])
def test_twistd_finds_the_programs(way: str, tree: Path, python: Path, tmp_path: Path) -> None:
    """pip install ., pip install -e . and a wheel all give the plugins, the command and the address file."""
    (tree / "default_master_address").write_text("installed.example:7\n")
    if way == "wheel":
        build = [
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "--outdir",
            str(tmp_path / "dist"),
        ]
        subprocess.run(build, cwd=tree, check=True, capture_output=True)
        pip_install(python, tree, *map(str, (tmp_path / "dist").glob("*.whl")))
    else:
        pip_install(python, tree, *(["-e", "."] if way == "editable" else ["."]))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def output(*command: str) -> str:
        return subprocess.run(
            [str(python), *command], cwd=elsewhere, check=True, capture_output=True, text=True
        ).stdout

    shown = output("-c", TWISTD, "--help")
    programs = ("chat-master", "chat-worker", "chat-front", "chat-client")
    assert all(f"    {program} " in shown for program in programs)
    where = output("-c", "import chatnet; print(chatnet.__file__)")
    assert str(tree if way == "editable" else python.parent.parent) in where
    assert "--master" in output("-c", TWISTD, "chat-worker", "--help")
    assert "status" in output("-m", "chatnet", "--help")
    assert (
        "status"
        in subprocess.run(
            [str(python.parent / "chatnet"), "--help"], check=True, capture_output=True, text=True
        ).stdout
    )
    masters = "from chatnet.options import find_masters; from chatnet.world.real import real_world; "
    assert "installed.example" in output("-c", masters + "print(find_masters(None, real_world()))")
