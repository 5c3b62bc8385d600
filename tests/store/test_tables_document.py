"""The list of what the store keeps of a user is whole."""

from __future__ import annotations

import re
from pathlib import Path

from chatnet.store.postgres import schema as postgres
from chatnet.store.sqlite import marks
from chatnet.store.sqlite import schema as sqlite

DOCUMENT = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()


def test_each_table_is_in_the_list_of_what_is_kept_of_a_user() -> None:
    """Whoever adds a table says what bounds it for a user."""
    section = re.search(r"^### What the store keeps of a user\n(.*?)^## ", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert section is not None
    cells = re.findall(r"^\| (`[^|]+) \|", section[1], re.MULTILINE)
    listed = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert len(listed) == len(set(listed))
    statements = [*sqlite.STEPS, *postgres.STEPS, *map(str, (marks.TABLE, marks._ABOUT))]
    made = {
        name
        for statement in statements
        for name in re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", statement)
    }
    assert set(listed) == made | {"schema_version"}
