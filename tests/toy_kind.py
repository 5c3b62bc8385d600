"""Kinds of entries of the next level, added in exactly the places that docs/architecture.md names.

A user who quits a topic leaves it. A program must not skip this kind, else it goes on delivering to somebody
who has left.

A shout is heard as a post is. It has no rule of its own, and nothing follows from it but what its row says.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chatnet import kinds, rules, state, stays
from chatnet.errors import NoSuchRoom, NotJoined
from chatnet.kinds import Kind, Text
from chatnet.names import Where
from chatnet.rules import Case
from chatnet.store import follows
from chatnet.store.sqlite import writer

LEVEL = 3

# ---- 1. chatnet/kinds.py ----

QUIT = Kind("quit", Text.NOTHING, LEVEL, frozenset({Where.OWN, Where.USER, Where.TOPIC}), keeps_refusals=True)
SHOUT = Kind("shout", Text.POST, level=LEVEL, is_said=True)

# ---- 2. chatnet/rules.py ----

CASES = [
    Case(("quit",), (Where.OWN, Where.USER), (), NoSuchRoom),
    Case(("quit",), (Where.TOPIC,), ("!member",), NotJoined),
]

# ---- 3. chatnet/stays.py: as leave ----
# ---- 4. chatnet/store/follows.py: as leave ----
# ---- 5. chatnet/state.py: as leave ----


@contextmanager
def there(kind: Kind = QUIT) -> Iterator[None]:
    """Give the program the kind while the context is open."""
    remove = kinds.add(kind)
    ends = kind is QUIT
    follows.SQL[kind.name] = follows.SQL["leave"] if ends else ()
    writer.FOLLOWS[kind.name] = writer.FOLLOWS["leave"] if ends else ()
    if ends:
        rules.CASES.extend(CASES)
        stays.CHANGES[kind.name] = stays.CHANGES["leave"]
        state.FOLLOWS[kind.name] = state.FOLLOWS["leave"]
    rules.forget_cases()
    try:
        yield
    finally:
        remove()
        for table in (follows.SQL, writer.FOLLOWS, stays.CHANGES, state.FOLLOWS):
            table.pop(kind.name, None)
        if ends:
            del rules.CASES[-len(CASES) :]
        rules.forget_cases()
