"""A strip plot as SVG: each value a dot, p50 and p99 marked, on a logarithmic axis of seconds. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.table import percentile

WIDTH, LEFT, RIGHT, TOP = 880, 256, 28, 96
ROW, GAP = 26, 14
"""The height of a strip, and the space between two groups of strips, in pixels."""
TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)

_STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #24292f }
    .title { font-size: 16px; font-weight: 600 }
    .quiet { fill: #656d76; font-size: 12px }
    .grid { stroke: #d0d7de }
    .acknowledged { fill: #0969da }
    .received { fill: #bc4c00 }
    .dot { fill-opacity: .5 }
    .mark { stroke: #24292f; stroke-width: 2 }
    .aim { stroke: #1a7f37; stroke-width: 2; stroke-dasharray: 4 3 }
    .paper { fill: #ffffff }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .quiet { fill: #9198a1 }
      .grid { stroke: #3d444d }
      .acknowledged { fill: #58a6ff }
      .received { fill: #f0883e }
      .mark { stroke: #e6edf3 }
      .aim { stroke: #3fb950 }
      .paper { fill: #0d1117 }
    }
"""


@dataclass(frozen=True)
class Strip:
    """The values of one figure, in seconds; p99 should stay below ``aim``.

    Consecutive strips with the same ``group`` stand together under it. ``name`` is also a class of the style.
    """

    group: str
    name: str
    values: Sequence[float]
    aim: float | None = None


def svg(title: str, subtitle: str, strips: Sequence[Strip]) -> str:
    """Return the picture."""
    scale = Scale([value for strip in strips for value in [*strip.values, strip.aim or strip.values[0]]])
    tops = _tops(strips)
    bottom = tops[-1] + ROW + GAP / 2
    parts = [
        f'<rect class="paper" width="{WIDTH}" height="{bottom + 40:g}" rx="6"/>',
        f'<text class="title" x="20" y="30">{escape(title)}</text>',
        f'<text class="quiet" x="20" y="50">{escape(subtitle)}</text>',
        *_legend(),
        *_grid(scale, bottom),
    ]
    groups: set[str] = set()
    for strip, top in zip(strips, tops, strict=True):
        if strip.group not in groups:
            parts.append(f'<text x="20" y="{top + ROW + 4:g}">{escape(strip.group)}</text>')
            groups.add(strip.group)
        parts += _strip(strip, top, scale)
    body = "\n".join(f"  {part}" for part in parts)
    size = f'width="{WIDTH}" height="{bottom + 40:g}" viewBox="0 0 {WIDTH} {bottom + 40:g}"'
    name = f'role="img" aria-label="{escape(title)}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {name}>'
    return f"{head}\n  <style>{_STYLE}  </style>\n{body}\n</svg>\n"


class Scale:
    """Converts seconds to pixels, so that all ``values`` fit between two ticks."""

    def __init__(self, values: Sequence[float]) -> None:
        first = max((tick for tick in TICKS if tick <= min(values)), default=TICKS[0])
        last = min((tick for tick in TICKS if tick >= max(values)), default=TICKS[-1])
        self.ticks = [tick for tick in TICKS if first <= tick <= last]
        self._low, self._high = math.log(first), math.log(last)

    def __call__(self, seconds: float) -> float:
        share = (math.log(seconds) - self._low) / (self._high - self._low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)


def _tops(strips: Sequence[Strip]) -> list[float]:
    """Return where each strip begins."""
    tops, top, group = [], float(TOP), strips[0].group
    for strip in strips:
        if strip.group != group:
            top, group = top + GAP, strip.group
        tops.append(top)
        top += ROW
    return tops


def _legend() -> Iterator[str]:
    at = LEFT
    for name in ("acknowledged", "received"):
        yield f'<circle class="{name}" cx="{at}" cy="70" r="5"/><text x="{at + 10}" y="74">{name}</text>'
        at += 120
    for name, sign in (("p50", 12), ("p99", 22)):
        yield f'<line class="mark" x1="{at}" x2="{at}" y1="{70 - sign / 2:g}" y2="{70 + sign / 2:g}"/>'
        yield f'<text x="{at + 8}" y="74">{name}</text>'
        at += 60
    yield f'<line class="aim" x1="{at}" x2="{at}" y1="58" y2="82"/>'
    yield f'<text x="{at + 8}" y="74">aim for p99</text>'


def _grid(scale: Scale, bottom: float) -> Iterator[str]:
    for tick in scale.ticks:
        x = f"{scale(tick):.1f}"
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{bottom:g}"/>'
        yield f'<text class="quiet" x="{x}" y="{bottom + 20:g}" text-anchor="middle">{tick:g} s</text>'


def _strip(strip: Strip, top: float, scale: Scale) -> Iterator[str]:
    middle = top + ROW / 2
    for number, value in enumerate(strip.values):
        # Spread by the golden ratio, so that equal values stay visible; and the same in each run.
        y = middle + (number * 0.618 % 1 - 0.5) * ROW * 0.5
        yield f'<circle class="{strip.name} dot" cx="{scale(value):.1f}" cy="{y:.1f}" r="4"/>'
    for share, height in ((0.5, 12), (0.99, 22)):
        x = f"{scale(percentile(strip.values, share)):.1f}"
        ends = f'y1="{middle - height / 2:g}" y2="{middle + height / 2:g}"'
        yield f'<line class="mark" x1="{x}" x2="{x}" {ends}/>'
    if strip.aim is not None:
        x = f"{scale(strip.aim):.1f}"
        yield f'<line class="aim" x1="{x}" x2="{x}" y1="{top}" y2="{top + ROW}"/>'
