"""Documents: what they link to is there, and lists of contents name all that follows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "benchmarks" / "README.md"])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_LISTED = re.compile(r"^ *- \[[^\]]+\]\(#([^)]+)\)", re.MULTILINE)
_OF_CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def text_of(document: Path) -> str:
    """Return a document without its code, which may look like anything."""
    return _OF_CODE.sub(lambda found: "" if "\n" in found[0] else found[0].strip("`"), document.read_text())


def headings(document: Path) -> list[tuple[int, str]]:
    """Return the depth of each heading, and the name by which it is linked to."""
    found = re.findall(r"^(#+) (.*)$", text_of(document), re.MULTILINE)
    return [
        (len(marks), re.sub(r"[^\w -]", "", name.lower()).strip().replace(" ", "-")) for marks, name in found
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: str(one.relative_to(ROOT)))
def test_what_is_linked_to_is_there(document: Path) -> None:
    """Files, and places in documents; no two headings have one name, or a link would lead to the first."""
    names = [name for _, name in headings(document)]
    assert len(set(names)) == len(names), sorted(name for name in names if names.count(name) > 1)
    for link in _LINK.findall(text_of(document)):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in [name for _, name in headings(target)], link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: str(one.relative_to(ROOT)))
def test_contents_name_all_that_follows(document: Path) -> None:
    """If there is a list of them: each heading of the depths that it has, in their order."""
    listed = _LISTED.findall(text_of(document))
    if not listed:
        return
    all_of = headings(document)
    depths = {depth for depth, name in all_of if name in listed}
    names = [name for depth, name in all_of if depth in depths]
    assert listed == names[names.index(listed[0]) :]
