"""The rows of the table, and how they are printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure of chatnet's, the figure for comparison, and the aim if there is one."""

    what: str
    figure: str
    beside: str = ""
    ratio: float | None = None
    aim: str = ""

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the row."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return self.what, self.figure, self.beside, ratio, self.aim


HEADINGS = ("what", "chatnet", "beside it", "ratio", "aim")


def markdown(rows: Iterable[Row]) -> str:
    """Return the rows as a Markdown table with aligned columns."""
    return aligned([HEADINGS, *(row.cells() for row in rows)])


def aligned(lines: Sequence[tuple[str, ...]]) -> str:
    """Return a Markdown table of headings and rows."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = [_line(line, widths) for line in lines]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([shown[0], rule, *shown[1:]])


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value below which ``share`` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Iterable[float]) -> float:
    """Return the middle value."""
    return percentile(values, 0.5)


def milliseconds(seconds: Iterable[float]) -> str:
    """Return p50 and p99 of durations in seconds, shown in milliseconds."""
    ordered = sorted(seconds)
    return f"{percentile(ordered, 0.5) * 1e3:.2f} / {percentile(ordered, 0.99) * 1e3:.2f} ms"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
