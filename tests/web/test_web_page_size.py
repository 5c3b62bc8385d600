"""What a browser loads before it shows anything: little enough for a bad line."""

from __future__ import annotations

from chatnet.worker.fronts.web.assets import LOADER, WHOLE, read_assets

MOST = 60 * 1024
"""Bytes of script and style, as they are sent."""


def test_script_and_style_that_are_loaded_at_first_are_sixty_kilobytes_compressed() -> None:
    """What comes a second later, when the page is there, is not counted: with later.js it is more."""
    files = read_assets().files
    sizes = {name: len(files[name].zipped or files[name].content) for name in (LOADER, WHOLE, "style.css")}
    assert sum(sizes.values()) <= MOST, sizes


def test_the_page_asks_nobody_else_for_anything() -> None:
    """No font, script or picture comes from another server, and nothing is parsed as HTML."""
    for name, asset in read_assets().files.items():
        if name.endswith((".js", ".css", ".html")):
            text = asset.content.decode()
            for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "//cdn"):
                assert word not in text, f"{word} in {name}"
