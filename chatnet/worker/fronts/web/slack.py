"""What a webhook says: plain text, or the shapes that others send to Slack's incoming webhooks. Pure.

Of these only the words are taken. Who sends a webhook cannot mend it: so what is too long for a post is cut,
what no post may have is left out, and what names more than a post may is only written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs

from chatnet.errors import BadRequest
from chatnet.form import MAX_LINE_FEEDS, MAX_PLACES, MAX_TEXT
from chatnet.names import named
from chatnet.worker.fronts.web.dialect import Message, read

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
_MOST_PARTS = 100
_LINK = re.compile(r"<(?P<to>[^<>|]{1,2000})(?:\|(?P<label>[^<>]{0,2000}))?>")
_ENTITY = re.compile("&(amp|lt|gt);")
_SIGNS = {"amp": "&", "lt": "<", "gt": ">"}
"""All that Slack escapes; of other entities, and of those that HTML takes without a semicolon, an address may
be full: `?a=1&copy=2`."""
_NAMES = re.compile("[#@]")
_LEFT_OUT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def text_of(kind: str, body: bytes) -> str:
    """Return the text that a webhook wants to be posted; ``kind`` is the type of its body.

    :raises BadRequest: there is none in it.
    """
    if kind == FORM:
        text = _of_message(read(_payload(body)))
    elif kind == JSON or (not kind and body[:1] == b"{"):
        text = _of_message(read(body))
    else:
        text = body.decode("utf-8", "replace")
    cut = fitting(text)
    if not cut:
        raise BadRequest.of(why="a webhook has a “text”.")
    return cut


def fitting(text: str) -> str:
    """Return as much of ``text`` as a post may have."""
    lines = _LEFT_OUT.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip().split("\n")
    if len(lines) > MAX_LINE_FEEDS:
        lines[MAX_LINE_FEEDS - 1 :] = ["…"]
    found = "\n".join(lines)
    return _naming_few(found if len(found) <= MAX_TEXT else found[: MAX_TEXT - 1] + "…")


def _naming_few(text: str) -> str:
    """Return a text without the marks of what it names beyond what a post may name."""
    marks = [found.start() for found in _NAMES.finditer(text)] if len(named(text)) > MAX_PLACES else []
    few, many = 0, len(marks)  # with the first few of them it names no more than it may, with many it does
    while many - few > 1:
        middle = (few + many) // 2
        if len(named(_marked(text, marks[middle]))) > MAX_PLACES:
            many = middle
        else:
            few = middle
    return _marked(text, marks[few]) if marks else text


def _marked(text: str, end: int) -> str:
    """Return a text without the marks from ``end`` on."""
    return text[:end] + _NAMES.sub("", text[end:])


def _payload(body: bytes) -> bytes:
    try:
        return parse_qs(body.decode("ascii"), max_num_fields=10)["payload"][0].encode()
    except (ValueError, LookupError) as error:
        raise BadRequest.of(why="a form has the JSON in its “payload”.") from error


def _of_message(message: Message) -> str:
    words = [_unmarked(part) for part in _parts(message)]
    return "\n".join(part for part in words if part.strip())


def _parts(message: Message) -> Iterator[str]:
    if text := _text(message.get("text")):
        yield text
        return  # beside it, what is in blocks says the same again
    yield from _in_blocks(message)
    for attachment in _several(message.get("attachments")):
        yield from _in_blocks(attachment)
        shown = [_text(attachment.get(name)) for name in ("pretext", "title", "title_link", "text")]
        yield "\n".join(filter(None, shown)) or _text(attachment.get("fallback"))
        for field in _several(attachment.get("fields")):
            yield ": ".join(filter(None, (_text(field.get("title")), _text(field.get("value")))))


def _in_blocks(message: Message) -> Iterator[str]:
    for block in _several(message.get("blocks")):
        yield _text(block.get("text"))
        for part in (*_several(block.get("fields")), *_several(block.get("elements"))):
            yield _text(part)


def _several(value: object) -> Iterator[Message]:
    if isinstance(value, list):
        yield from (one for one in value[:_MOST_PARTS] if isinstance(one, dict))


def _text(value: object) -> str:
    if isinstance(value, dict):  # a text object, which says how it is marked
        value = value.get("text")
    return value if isinstance(value, str) else ""


def _unmarked(text: str) -> str:
    """Return a text as one reads it: of Slack's marks, those in angle brackets."""
    return _ENTITY.sub(lambda found: _SIGNS[found[1]], _LINK.sub(_link, text))


def _link(found: re.Match[str]) -> str:
    to, label = found["to"], found["label"]
    if to[0] in "!@#":
        return label or to[1:]
    return f"{label} ({to})" if label and label != to else to
