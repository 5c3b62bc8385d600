"""Scripts and style sheets without what only people need: comments, white space, long private names. Pure.

A script has to end its statements by semicolons, as the formatter of the page's sources sees to.
"""

from __future__ import annotations

import re

_SPACE = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|' + r"'(?:[^'\\\n]|\\.)*'")
_WORD = re.compile(r"[\w$#]+")
_PATTERN = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/\w*")
_IN_TEMPLATE = re.compile(r"(?:[^`\\$]|\\.|\$(?!\{))*", re.DOTALL)
_BEFORE_PATTERN = re.compile(
    r"(?:return|typeof|case|in|of|delete|void|throw|new|else|do|instanceof|yield|await)|.*[^\w$)\]}`\"']|",
    re.DOTALL,
)
_GLUED = re.compile(r"[\w$#][\w$#]|\+\+|--|//", re.ASCII | re.DOTALL)
_SHORTER = {"const": "let", "true": "!0", "false": "!1"}
"""Words that mean the same, once it has been checked that nobody writes to a constant."""
_NEEDLESS = {(";", "}"), (",", "}"), (",", ")"), (",", "]")}
"""What may be left out before what."""
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_AROUND = re.compile(r"\s*([{};,])\s*")


def compact_script(source: str) -> str:
    """Return a script that does the same.

    :raises ValueError: it ends within a string or a template.
    """
    return "".join(_Script(source).tokens())


def compact_style(source: str) -> str:
    """Return a style sheet that says the same."""
    plain = " ".join(_COMMENT.sub("", source).split())
    return _AROUND.sub(r"\1", plain).replace(": ", ":").replace(";}", "}").strip() + "\n"


class _Script:
    """Reads the tokens of a script, from the left."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._last = ""
        self._private: dict[str, str] = {}

    def tokens(self) -> list[str]:
        """Return them, with a space only where two would be read as one."""
        kept: list[str] = []
        ended = 0
        templates: list[int] = []  # how deep braces are within each `${`
        while self._at < len(self._source):
            space = _SPACE.match(self._source, self._at)
            if space is not None:
                self._at = space.end()
                continue
            begun = self._at
            token = self._token()
            if token == "{" and templates:
                templates[-1] += 1
            elif token == "}" and templates:
                templates[-1] -= 1
            if token == "`":
                token += self._template(templates)
            elif token == "}" and templates and templates[-1] < 0:
                templates.pop()
                token += self._template(templates)
            if kept and (self._last, token[0]) in _NEEDLESS:
                kept.pop()
            elif kept and begun > ended and _is_glued(self._last[-1], token[0]):
                kept.append(" ")
            kept.append(token)
            self._last = token
            ended = self._at
        return kept

    def _token(self) -> str:
        source, at = self._source, self._at
        found = _STRING.match(source, at) or _WORD.match(source, at)
        if found is None and source[at] == "/" and self._may_be_pattern():
            found = _PATTERN.match(source, at)
        if found is None and source[at] in "\"'":
            raise ValueError(f"a string does not end: {source[at : at + 40]}")
        self._at = found.end() if found else at + 1
        token = found[0] if found else source[at]
        if self._last != ".":
            token = _SHORTER.get(token, token)
        return self._private_name(token) if token[0] == "#" else token

    def _private_name(self, name: str) -> str:
        """Return a short name for a private one: nobody outside of its class can name it."""
        if name not in self._private:
            high, low = divmod(len(self._private), 26)
            self._private[name] = f"#{chr(97 + low)}{high or ''}"
        return self._private[name]

    def _may_be_pattern(self) -> bool:
        return _BEFORE_PATTERN.fullmatch(self._last) is not None

    def _template(self, templates: list[int]) -> str:
        """Return what stands in a template up to its end, or to the next expression in it."""
        found = _IN_TEMPLATE.match(self._source, self._at)
        assert found is not None, "it matches nothing, too"
        end = found.end()
        if self._source.startswith("${", end):
            templates.append(0)
            self._at = end + 2
        elif self._source.startswith("`", end):
            self._at = end + 1
        else:
            raise ValueError(f"a template does not end: {self._source[self._at : self._at + 40]}")
        return self._source[found.start() : self._at]


def _is_glued(before: str, after: str) -> bool:
    """Return whether two tokens that end and begin so would be one without a space."""
    are_letters = all(one.isalnum() or one in "_$#" for one in (before, after))
    return are_letters or _GLUED.fullmatch(before + after) is not None
