"""The page finds in a text what the server finds: both are held to the same cases, in web/test/fixtures."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random
from typing import Any

from chatnet.errors import BadText
from chatnet.form import check_text
from chatnet.names import fold, named

CASES = Path(__file__).parents[2] / "web" / "test" / "fixtures" / "names.json"
_PIECES = (
    *"@@@###&/_-. \n\t(*`=aAbZz09éÉßẞıİσςΣǅǆŉΐﬀﬃŒꭰᎠ中日한각ไทย١२²½ⅧⓐÅΩ☕👍🏽👩",
    *("\u200b", "\u200d", "\ufe0f", "\u00ad", "\u202e", "\u2066", "\u115f", "\u3164", "\U000e0041", "\u2800"),
    *("\u0301", "\u0307", "\u0323", "\u0345", "\u0338", "\u1ab0", "\u20dd", "\u0903", "\u0e33"),
    *("#tea", "@bob", "@Alice", "@everyone", "#STRASSE", "#straße", "alice", "https://a.org/#x", "a@b.org"),
    *("x" * 31, "y" * 64, "\u1e9b\u0323", "I\u0307", "i\u0307\u0307", "e\u0301", "\x00", "\r\n", "\u2028"),
)


def _expected(text: str) -> dict[str, Any]:
    try:
        check_text(text)
        is_good = True
    except BadText:
        is_good = False
    return {"text": text, "fold": fold(text), "named": list(named(text)), "isGood": is_good}


def _drawn(count: int) -> list[str]:
    draw = Random(15)
    return ["".join(draw.choices(_PIECES, k=draw.randrange(1, 12))) for _ in range(count)]


def _special() -> list[str]:
    return [
        *("", "a" * 2000, "a" * 2001, "👍" * 2000, "👍" * 2001, "\n" * 39 + "a\na", "a" + "\n" * 41 + "b"),
        *(
            "a" + "\u0301" * 30,
            "a" + "\u0301" * 31,
            "a" + "\u0301\u200b" * 31,
            "\u0301" * 5,
            "\u200b",
            "\u2800",
        ),
        " ".join(f"#t{number}" for number in range(20)),
        " ".join(f"#t{number}" for number in range(21)),
        *("@" + "n" * 32, "@" + "n" * 33, "#" + "t" * 64, "#" + "t" * 65, "#" + "ß" * 32, "#" + "ß" * 33),
    ]


def test_the_cases_are_what_the_server_finds() -> None:
    """The page's own tests read these cases, of which the server says the same. WRITE=1 makes them anew."""
    texts = [*_special(), *_drawn(300)]
    expected = [_expected(text) for text in dict.fromkeys(texts)]
    if os.environ.get("WRITE"):
        lines = ",\n".join(json.dumps(case) for case in expected)
        CASES.write_text(f"[\n{lines}\n]\n", "utf-8")
    assert json.loads(CASES.read_text("utf-8")) == expected
