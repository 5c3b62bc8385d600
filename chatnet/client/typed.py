"""What a typed line is: a command, a post, or a password. Pure.

``expected`` is what :meth:`~chatnet.client.commands.Terminal.expect` was told last. While posts are expected,
a command has a slash before it, and a post that is to begin with a slash begins with two.
"""

from __future__ import annotations

SLASH = "/"
_PASSWORD = "PASSWORD"


def command_in(line: str, expected: str) -> str | None:
    """Return the command in ``line``, without its slash, as it was typed; None if it is none."""
    typed = line.strip()
    if expected == "command":
        return typed
    if expected == "post" and typed.startswith(SLASH) and not typed.startswith(2 * SLASH):
        return typed.removeprefix(SLASH)
    return None


def post_in(line: str) -> str:
    """Return what a line posts that is no command: if two slashes begin it, one of them."""
    return line.replace(2 * SLASH, SLASH, 1) if line.lstrip().startswith(2 * SLASH) else line


def asks_for_password(line: str, expected: str) -> bool:
    """Return whether the next line will be the password itself."""
    return (command_in(line, expected) or "").upper() == _PASSWORD


def has_password(line: str) -> bool:
    """Return whether this is a PASSWORD command followed by the password, whatever was expected."""
    return line.strip().lstrip(SLASH).upper().startswith(f"{_PASSWORD} ")
