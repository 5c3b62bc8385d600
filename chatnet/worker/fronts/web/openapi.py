"""The document of the API (OpenAPI 3.1), made from the types of :mod:`.bodies`. Pure.

``python -m chatnet.worker.fronts.web.openapi`` prints it. docs/openapi.json is that; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from http import HTTPStatus
from inspect import cleandoc
from typing import Any, NamedTuple

import msgspec

from chatnet.worker.fronts.web import bodies, problems

JSON, TEXT = "application/json", "text/plain"
PREFIX = "/api/v1"
Parts = dict[str, Any]

_DESCRIPTION = (
    "Programs that hear and say: see docs/web.md. A program shows a token as “Authorization: Bearer”; the "
    "page itself shows its cookie, and its Origin. Everything is JSON in UTF-8; bytes are base64url without "
    "padding. Refusals are problems (RFC 9457), each with a code and a sentence. A body has at most 64 KiB."
)


class Parameter(NamedTuple):
    """A value in a path, a query or a header."""

    name: str
    where: str
    says: str
    schema: Mapping[str, Any] = {"type": "string"}


class Operation(NamedTuple):
    """What may be asked at a path. ``takes`` and ``answers`` are types by content type; of an answer, by
    status first, and None if it has no body. ``refusals`` are the statuses of its refusals, beside those that
    every request may meet."""

    method: str
    path: str
    name: str
    says: str
    answers: Mapping[int, tuple[str, Mapping[str, Any]]]
    parameters: Sequence[Parameter] = ()
    takes: Mapping[str, Any] | None = None
    is_open: bool = False


_NUMBER = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
_ROOM = Parameter(
    "room", "path", "A room: a user's name, #topic, &private or @name.", {"type": "string", "minLength": 1}
)
_AFTER = Parameter("after", "query", "The last one of the page before.")
_KEY = Parameter(
    "Idempotency-Key",
    "header",
    "Names what is asked: asked again with the same key, it is done once. 22 characters of base64url are the "
    "key itself; of anything else it is the first 16 bytes of its SHA-256.",
    {"type": "string", "minLength": 1, "maxLength": 255},
)
_CURSOR = Parameter("cursor", "query", "How far one has heard: SEQ.CHECK, as it was given.")


def _of(status: int, says: str, **types: Any) -> dict[int, tuple[str, Mapping[str, Any]]]:
    return {status: (says, {JSON: types["json"]} if "json" in types else {})}


_POSTED = _of(201, "It is on the disks.", json=bodies.Posted) | _of(
    200, "It was there before: Idempotency-Replayed is true.", json=bodies.Posted
)

OPERATIONS: Sequence[Operation] = (
    Operation(
        *("GET", "/about", "about", "What this is, and who asks."),
        _of(200, "That.", json=bodies.About),
        is_open=True,
    ),
    Operation(
        *("POST", "/session", "logIn", "Log in; register a free name, if the body says so."),
        _of(201, "Logged in.", json=bodies.LoggedIn),
        takes={JSON: bodies.LogIn},
        is_open=True,
    ),
    Operation(
        *("DELETE", "/session", "logOut", "End this session.", _of(204, "Ended.")),
        [Parameter("anyway", "query", "Only let the browser forget it.")],
        is_open=True,
    ),
    Operation("GET", "/sessions", "sessions", "One's sessions.", _of(200, "Those.", json=bodies.SessionList)),
    Operation(
        *("DELETE", "/sessions/{id}", "endSession", "End a session.", _of(204, "Ended.")),
        [Parameter("id", "path", "Its id.", _NUMBER)],
    ),
    Operation(
        *("POST", "/tokens", "makeToken", "Begin a session for a program."),
        _of(201, "Begun.", json=bodies.Token),
        takes={JSON: bodies.NewToken},
    ),
    Operation(
        *("POST", "/password", "setPassword", "Set a password; all other sessions end."),
        _of(200, "Set.", json=bodies.PasswordSet),
        [_KEY],
        takes={JSON: bodies.NewPassword},
    ),
    Operation(
        *("POST", "/pair", "pair", "Make a code for another device."),
        _of(200, "Made.", json=bodies.Code),
        takes={JSON: bodies.Proof},
    ),
    Operation(
        *("POST", "/recovery", "makeRecoveryCodes", "Make codes for when the password is lost."),
        _of(200, "Made; the earlier ones are good no longer.", json=bodies.RecoveryCodes),
        takes={JSON: bodies.Proof},
    ),
    Operation(
        *("POST", "/forget", "forget", "Take back all that one ever said, and end the account."),
        _of(204, "Done."),
        [_KEY],
        takes={JSON: bodies.Proof},
    ),
    Operation(
        *("POST", "/posts", "post", "Post a text.", _POSTED),
        [_KEY, Parameter("room", "query", "Where; without it, in one's own room.")],
        {JSON: bodies.NewPost, TEXT: str},
    ),
    Operation(
        *("GET", "/stream", "stream", "Hear what is said, from a cursor on; without one, from now on."),
        {
            200: (
                "With “wait”, what is heard next. Else a stream: events, or lines of JSON, each of which has "
                "the cursor to go on from.",
                {JSON: bodies.Heard, "text/event-stream": str, "application/x-ndjson": str},
            )
        },
        [
            _CURSOR,
            Parameter("Last-Event-ID", "header", "The same; it counts before the cursor."),
            Parameter("wait", "query", "Seconds to wait.", {"type": "integer", "minimum": 0, "maximum": 45}),
        ],
    ),
    Operation(
        *("GET", "/rooms", "rooms", "Rooms that begin with a prefix, in order."),
        _of(200, "A page of them.", json=bodies.RoomList),
        [
            Parameter("prefix", "query", "What they begin with."),
            _AFTER,
            Parameter(
                "mine", "query", "If it is there, with any value: those that one is in, and private ones."
            ),
        ],
    ),
    Operation(
        *("PUT", "/rooms/{room}/membership", "join", "Follow a room; being there already is as good."),
        _of(200, "One is there.", json=bodies.Membership),
        [_ROOM, _KEY],
    ),
    Operation(
        *(
            "DELETE",
            "/rooms/{room}/membership",
            "leave",
            "Stop following a room.",
            _of(204, "One is not there."),
        ),
        [_ROOM, _KEY],
    ),
    Operation(
        *("GET", "/rooms/{room}/posts", "history", "The posts of a room, the newest page first."),
        _of(200, "A page of them.", json=bodies.Posts),
        [
            _ROOM,
            Parameter("before", "query", "The seq before which they are.", _NUMBER),
            Parameter(
                "limit", "query", "At most so many.", {"type": "integer", "minimum": 1, "maximum": 1000}
            ),
        ],
    ),
    Operation(
        *("GET", "/rooms/{room}/members", "members", "The members of a room, in order."),
        _of(200, "A page of them.", json=bodies.MemberList),
        [_ROOM, _AFTER],
    ),
    Operation(
        *("GET", "/unread", "unread", "How much is unread in one's rooms."),
        _of(200, "A page of them.", json=bodies.UnreadList),
        [_AFTER],
    ),
    Operation("GET", "/me", "me", "Who asks.", _of(200, "That.", json=bodies.Me)),
    Operation(
        *("GET", "/openapi.json", "openapi", "This document."),
        {200: ("It.", {JSON: dict[str, Any]})},
        is_open=True,
    ),
    Operation(
        *("POST", "/hooks/{token}", "hook", "Post what a webhook says, as a notice."),
        {200: ("It is on the disks.", {TEXT: str})},
        [
            Parameter("token", "path", "A token that may only post."),
            _KEY,
            Parameter("room", "query", "Where; without it, in the user's own room."),
        ],
        {JSON: bodies.Hook, TEXT: str, "application/x-www-form-urlencoded": dict[str, str]},
        is_open=True,
    ),
)

_REFUSALS = (400, 401, 403, 404, 409, 413, 415, 421, 422, 429, 500, 503)


def document() -> Parts:
    """Return the document."""
    types = [bodies.Problem, *_types()]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    for component in components.values():  # older versions of msgspec leave docstrings indented
        component["description"] = cleandoc(component.get("description", ""))
    named = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, Parts] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, named)
    return {
        "openapi": "3.1.0",
        "info": {"title": "chatnet", "version": "1", "description": _DESCRIPTION},
        "servers": [{"url": PREFIX}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {"Refused": _refused(named)},
        },
    }


@cache
def encoded() -> bytes:
    """Return the document in JSON."""
    return msgspec.json.format(msgspec.json.encode(document()), indent=2) + b"\n"


def _types() -> list[Any]:
    found: dict[str, Any] = {}
    for one in OPERATIONS:
        for contents in ({} if one.takes is None else one.takes, *(each[1] for each in one.answers.values())):
            found |= {repr(kind): kind for kind in contents.values()}
    return list(found.values())


def _operation(one: Operation, named: Mapping[str, Any]) -> Parts:
    responses: Parts = {str(status): _answer(*answer, named) for status, answer in one.answers.items()}
    responses |= {str(status): {"$ref": "#/components/responses/Refused"} for status in _REFUSALS}
    made: Parts = {"operationId": one.name, "summary": one.says, "responses": responses}
    if one.name == "post":
        replayed = {"description": "It was there before.", "schema": {"type": "string", "const": "true"}}
        responses["200"]["headers"] = {"Idempotency-Replayed": replayed}
    if one.parameters:
        made["parameters"] = [_parameter(each) for each in one.parameters]
    if one.takes is not None:
        made["requestBody"] = {"required": True, "content": _content(one.takes, named)}
    if one.is_open:
        made["security"] = []
    return made


def _parameter(one: Parameter) -> Parts:
    is_needed = one.where == "path"
    return {
        **{"name": one.name, "in": one.where, "required": is_needed},
        **{"description": one.says, "schema": dict(one.schema)},
    }


def _answer(says: str, contents: Mapping[str, Any], named: Mapping[str, Any]) -> Parts:
    return {"description": says} | ({"content": _content(contents, named)} if contents else {})


def _content(contents: Mapping[str, Any], named: Mapping[str, Any]) -> Parts:
    return {kind: {"schema": named[repr(what)]} for kind, what in contents.items()}


def _refused(named: Mapping[str, Any]) -> Parts:
    statuses = ", ".join(f"{status} {HTTPStatus(status).phrase}" for status in _REFUSALS)
    return {
        "description": f"It is refused: {statuses}.",
        "headers": {
            "Retry-After": {
                "description": "Of 429 and 503: after how many seconds it is worth to ask again.",
                "schema": {"type": "integer", "minimum": 0},
            },
            "WWW-Authenticate": {"description": "Of 401.", "schema": {"type": "string", "const": "Bearer"}},
        },
        "content": {problems.TYPE: {"schema": named[repr(bodies.Problem)]}},
    }


if __name__ == "__main__":
    print(encoded().decode(), end="")
