"""The passwords that most people choose, which are the first that anybody tries.

They are those of zxcvbn, of which nothing else is imported: its package would keep six lists, and build
dictionaries of them (14 MB, for good). The list is read when a password is first set in a process: that takes
7 MB for a moment, and 0.3 MB from then on.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from itertools import islice
from pathlib import Path

from chatnet.credentials import MIN_PASSWORD

MOST = 3_000
"""How many of those that are long enough count as common: OWASP ASVS 5.0, 6.2.4."""


def is_common(password: bytes) -> bool:
    """Return whether many people choose this ``normalized`` password, in small letters or capitals. The first
    call takes up to 0.2 s."""
    return password.decode().casefold() in _common()


@cache
def _common() -> frozenset[str]:
    package = find_spec("zxcvbn")
    if package is None or package.origin is None:
        raise ImportError("zxcvbn is not installed, which has the most common passwords")
    lists = spec_from_file_location("frequency_lists", Path(package.origin).with_name("frequency_lists.py"))
    assert lists is not None
    assert lists.loader is not None
    module = module_from_spec(lists)
    lists.loader.exec_module(module)
    most_common_first = module.FREQUENCY_LISTS["passwords"]
    return frozenset(islice((one for one in most_common_first if len(one) >= MIN_PASSWORD), MOST))
