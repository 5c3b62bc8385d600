"""Each package's map, in its ``__init__``, names all that is in it; documents name nothing that is not."""

from __future__ import annotations

import ast
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(
    path.parent for top in ("chatnet", "simulator", "rigs") for path in (ROOT / top).rglob("__init__.py")
)


def on_the_map(package: Path) -> set[str]:
    """Return the names: a line has one, or several with a dot between; a package has a slash."""
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    return set(re.findall(r"(?:^|· )([a-z_]+/?)  ", "\n".join(text.splitlines()[1:]), re.MULTILINE))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.relative_to(ROOT)))
def test_the_map_is_whole(package: Path) -> None:
    modules = {path.stem for path in package.glob("*.py")} - {"__init__", "__main__"}
    packages = {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    assert on_the_map(package) == modules | packages


DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_each_module_that_a_document_names_is_there(document: Path) -> None:
    """A reader who looks for it finds one whose path ends so."""
    tops = ("chatnet", "simulator", "rigs", "tests", "benchmarks", "docs")
    there = [f"/{path.relative_to(ROOT)}" for top in tops for path in (ROOT / top).rglob("*.py")]
    named = set(re.findall(r"`([\w/*]+\.py)`", document.read_text()))
    assert not {name for name in named if not any(fnmatch(path, f"*/{name}") for path in there)}
