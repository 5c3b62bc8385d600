"""Texts, ids and times as IRC users write them. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

LINE_BYTES = 500
"""How long what a client says is at most, with what stands before it on its way to others."""
WORDS = 300
"""How many bytes of a long text a client says in one line."""
LONG = 1_900
"""How long a text is at most that needs several lines, in characters."""
MOST_LINES = 30


def fitting(text: str, name: str, target: str, mark: str) -> str:
    """Return what of a text fits into a line, and a mark that no other has."""
    end = f" ~{name} {mark}"
    before = f":{name}!{name}@user PRIVMSG {target} :\x01ACTION \x01"
    room = LINE_BYTES - len((before + end).encode())
    words = " ".join(text.split())
    return words.encode()[:room].decode(errors="ignore").strip() + end


def in_lines(text: str, name: str, mark: str) -> list[tuple[str, bool]]:
    """Return a long text, and such a mark, in lines: of each, whether it goes on with the one before."""
    lines = [line for line in text.replace("\r", "")[:LONG].split("\n") if line.strip()] or ["nothing"]
    lines[-1] += f" ~{name} {mark}"
    found: list[tuple[str, bool]] = []
    for line in lines[-MOST_LINES:]:
        found += ((piece, at > 0) for at, piece in enumerate(pieces(line, WORDS)))
    return found


def whole(lines: list[tuple[str, bool]]) -> str:
    """Return the text that was said in these lines."""
    return "".join(line if goes_on else f"\n{line}" for line, goes_on in lines)[1:]


def seq_in(id_: str) -> int:
    return int(id_.partition("-")[0], 36)


def base_36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    shown = ""
    while number:
        number, digit = divmod(number, 36)
        shown = digits[digit] + shown
    return shown


def earlier(time: str) -> str:
    """Return the time that is a millisecond before this one: what has the same time is wanted, too."""
    moment = datetime.fromisoformat(time) - timedelta(milliseconds=1)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def pieces(line: str, most: int) -> list[str]:
    """Return a line in pieces of at most so many bytes, and no letter in two."""
    pieces: list[str] = []
    while line:
        piece = line.encode()[:most].decode(errors="ignore")
        pieces.append(piece)
        line = line[len(piece) :]
    return pieces
