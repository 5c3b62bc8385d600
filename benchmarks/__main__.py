"""``python -m benchmarks [--quick] [--posts COUNT] [ROW …]``: run the benches and print the table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks import (
    append,
    comeback,
    encrypted,
    fanout,
    forget,
    irc,
    irc_behind,
    irc_comeback,
    irc_idle,
    irc_kills,
    irc_logins,
    irc_names,
    newest,
    page,
    postgres,
    posts,
    rooms,
    sessions,
    sockets,
    unread,
)
from benchmarks.processes import exit_on_sigterm, raise_file_limit
from benchmarks.table import Row, markdown

Families = dict[str, Callable[[bool], Iterator[Row]]]

SIZED = {"newest": newest.rows, "unread": unread.rows, "rooms": rooms.rows}
"""The rows of which each is measured in a log of as many posts as one likes."""
FAMILIES: Families = {
    "append": append.rows,
    "postgres": postgres.rows,
    "posts": posts.rows,
    "fanout": fanout.rows,
    "encrypted": encrypted.rows,
    "sessions": sessions.rows,
    "sockets": sockets.rows,
    "irc": irc.rows,
    "irc-logins": irc_logins.rows,
    "irc-names": irc_names.rows,
    "irc-idle": irc_idle.rows,
    "irc-behind": irc_behind.rows,
    "irc-kills": irc_kills.rows,
    "irc-comeback": irc_comeback.rows,
    "comeback": comeback.rows,
    "page": page.rows,
    **SIZED,
    "forget": forget.rows,
}


def main() -> None:
    """Run the requested benches, print each row as soon as it is known, and the table at the end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure chatnet.")
    parser.add_argument("--quick", action="store_true", help="in some minutes, and less exactly")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"only these: {', '.join(FAMILIES)}")
    parser.add_argument(
        "--posts",
        type=int,
        default=newest.POSTS,
        metavar="COUNT",
        help=f"of the large log of the rows {', '.join(SIZED)}",
    )
    chosen = parser.parse_args()
    sized: Families = {name: partial(rows, posts=chosen.posts) for name, rows in SIZED.items()}
    families = FAMILIES | sized
    if unknown := set(chosen.rows) - set(FAMILIES):
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    raise_file_limit()
    exit_on_sigterm()
    found: list[Row] = []
    for family in chosen.rows or families:
        for row in families[family](chosen.quick):
            found.append(row)
            print(*row.cells(), sep="  ", file=sys.stderr, flush=True)
    print(markdown(found))


if __name__ == "__main__":
    main()
