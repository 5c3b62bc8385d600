"""The templates of facts and of what follows, and drafts, in the terms of the functions in the database."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from chatnet.errors import Refusal
from chatnet.kinds import Heard, Kind
from chatnet.rules import Case

DRAFT = """its_kind text, its_user text, its_room text, its_text text, its_key bytea, its_more bytea,
    its_to text, its_ref bigint, its_check bytea, its_until bigint, its_device text, its_label text,
    its_scope text, its_code text, its_topics text"""
"""A draft, as the functions are given it."""
ITS = """d.kind, d.name, d.room, d.text, d.key, d.more, d.its_to, d.ref, d.checked, d.until, d.device,
    d.label, d.scope, d.shown_code, d.topics"""
"""A draft of a batch: a row of these."""
SAME = re.sub(r"(its_\w+) \w+", r"\1", DRAFT)
"""The same draft, from one of the functions to another."""


class Program(NamedTuple):
    """What the functions are of: a program of this ``level``, with the kinds that it knows, and the cases in
    which it refuses them."""

    level: int
    kinds: tuple[Kind, ...]
    cases: tuple[Case, ...]

    @property
    def said(self) -> str:
        """The kinds of what is said."""
        return names(kind for kind in self.kinds if kind.is_said)

    @property
    def refer(self) -> str:
        """The kinds that are heard where it depends on the entry to which they refer."""
        return names(kind for kind in self.kinds if kind.depends_on_target)

    @property
    def as_target(self) -> str:
        """Those that are heard as that entry is."""
        return names(kind for kind in self.kinds if Heard.AS_TARGET in kind.heard)

    @property
    def ends_stays(self) -> str:
        """The kinds that are heard where a guest was."""
        return names(kind for kind in self.kinds if kind.ends_stays)

    @property
    def told(self) -> str:
        """The kinds that are heard by whom they are for."""
        return names(kind for kind in self.kinds if Heard.TO in kind.heard)

    @property
    def clusters(self) -> str:
        """The kinds that no user writes."""
        return names(kind for kind in self.kinds if kind.is_the_clusters)


def bound(sql: str) -> str:
    """Return a template of facts or of what follows with the variables of the functions."""
    return sql.format(
        kind="its_kind",
        user="its_user",
        room="its_room",
        text="its_text",
        to="its_to",
        ref="its_ref",
        ref_check="its_check",
        until="its_until",
        device="its_device",
        label="its_label",
        scope="its_scope",
        code="its_code",
        now="moment",
        day="today",
        seq="its_seq",
        check="""substring(sha256(convert_to((SELECT id FROM log) || '|' || e.seq || '|' || e."user" || '|',
            'UTF8') || e.key) FROM 1 FOR 8)""",
        contains_room="strpos(' ' || its_topics || ' ', ' ' || room || ' ') > 0",
        contains_sides="strpos(e.room, '=') > 0",
        rooms_of_code="unnest(string_to_array(code.room, ' ')) AS its(value)",
    )


def names(kinds: Iterable[Kind]) -> str:
    """Return the names of kinds, as a list in SQL."""
    return ", ".join(f"'{kind.name}'" for kind in kinds) or "NULL"


def codes(errors: Iterable[type[Refusal]]) -> str:
    """Return the codes of errors, as a list in SQL."""
    return ", ".join(f"'{error.code.decode()}'" for error in errors)


def whens(cases: Iterable[str]) -> str:
    """Return the branches of a CASE."""
    return "\n    ".join(f"WHEN {case}" for case in cases)
