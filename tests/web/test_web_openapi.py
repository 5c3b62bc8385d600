"""The document of the API: it is valid, it is of all that is there, and what is answered is as it says."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any, cast

import h11
import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import validate
from schemathesis import GenerationMode
from schemathesis import openapi as readers
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.transport import Response
from web.browser import HOST, ORIGIN, WebStage
from web.test_web_api import Program
from worker.conftest import Worker

from chatnet.errors import REFUSALS
from chatnet.worker.fronts.web import openapi, problems
from chatnet.worker.fronts.web.account import Account
from chatnet.worker.fronts.web.api import Api
from chatnet.worker.fronts.web.dialect import packed
from chatnet.worker.fronts.web.kept import Kept
from chatnet.worker.fronts.web.stream import Streams

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_the_document_that_is_kept_is_the_one_that_is_made() -> None:
    """Else: python -m chatnet.worker.fronts.web.openapi > docs/openapi.json"""
    assert DOCUMENT.read_bytes() == openapi.encoded()


def test_it_is_valid_and_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to be logged in."""
    answer = WebStage(Worker()).ask("GET", "/api/v1/openapi.json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    validate(answer.json)


def test_it_has_all_that_may_be_asked() -> None:
    stage = WebStage(Worker())
    outboxes, made = stage.worker.outboxes, stage.settings
    parts = Account(made, Kept(outboxes)), Api(made, Kept(outboxes)), Streams(outboxes, bool)
    routes = [route for part in parts for route in part.routes()]
    asked = {(route.method, route.path.removeprefix(openapi.PREFIX)) for route in routes}
    assert asked == {(one.method, one.path) for one in openapi.OPERATIONS}


def test_it_tells_of_every_refusal() -> None:
    """Also of our own failures, which no other test meets; and when it is worth to ask again."""
    made = openapi.document()
    statuses = {str(problems.status_of(error(""))) for error in REFUSALS.values()}
    for at_path in made["paths"].values():
        for operation in at_path.values():
            assert statuses <= set(operation["responses"])
    assert set(made["components"]["responses"]["Refused"]["headers"]) == {"Retry-After", "WWW-Authenticate"}


# ---- what is answered is as it says ----

load_all_checks()
WHOLE = ["not_a_server_error", "status_code_conformance", "content_type_conformance"]
WHOLE += ["response_headers_conformance", "response_schema_conformance"]
SCHEMA = readers.from_dict(json.loads(openapi.encoded()))
OPERATIONS: dict[str, Any] = {each.ok().label: each.ok() for each in cast(Any, SCHEMA.get_all_operations())}


HOOK, OTHER = "TOKEN-OF-A-HOOK", "4242424242"
"""What stands in a path for a token that only posts, and for another session of Alice's."""


ANSWERED_WITHIN = 100.0
"""Seconds, by the worker's clock: what is generated may be a good request after all, and a long one."""


def answered(request: requests.PreparedRequest, shows_token: bool) -> Response:
    """Return what a worker in memory answers to a request."""
    stage = WebStage(Worker())
    alice = Program(stage)
    alice.ask("PUT", "/rooms/%23tea/membership")
    alice.text("hello")
    said: Any = request.body or b""
    body: bytes = said.encode() if isinstance(said, str) else said
    headers = {"host": HOST, "origin": ORIGIN}
    headers |= {str(name).lower(): str(value) for name, value in request.headers.items()}
    headers["content-length"] = str(len(body))
    if shows_token or "authorization" in headers:
        headers["authorization"] = f"Bearer {alice.token}"
    path = request.path_url
    if HOOK in path:
        path = path.replace(HOOK, Program(stage, "ops", "post").token)
    if OTHER in path:
        Program(stage, scope="read")
        path = path.replace(OTHER, str(stage.worker.log.window.head))
    line = stage.line()
    asked = [f"{request.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    line.send("\r\n".join([*asked, "\r\n"]).encode("latin-1", "replace") + body)
    while not line.came and stage.worker.clock.seconds() < ANSWERED_WITHIN:
        stage.worker.work()
        stage.worker.pass_time(2)
    return _read(line.came, request)


def _read(came: bytes, request: requests.PreparedRequest) -> Response:
    reader = h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method=request.method or "GET", target="/", headers=[("host", "x")]))
    reader.send(h11.EndOfMessage())
    reader.receive_data(came)
    head, content = None, b""
    while isinstance(event := reader.next_event(), h11.Response | h11.Data):
        if isinstance(event, h11.Data):
            content += bytes(event.data)
        else:
            head = event
    assert head is not None
    headers = {name.decode(): [value.decode()] for name, value in head.headers}
    return Response(head.status_code, headers, content, request, 0.0, False)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize("label", OPERATIONS)
def test_what_is_answered_is_as_the_document_says(label: str, mode: GenerationMode) -> None:
    """To what fits it, and to what does not: never a failure of ours, and nothing that it does not tell."""
    operation = OPERATIONS[label]
    is_wrong = mode is GenerationMode.NEGATIVE
    if is_wrong and not (operation.body or operation.query or operation.path_parameters or operation.headers):
        return
    checks = CHECKS.get_by_names([*WHOLE, "negative_data_rejection"] if is_wrong else WHOLE)
    fixed: dict[str, Any] = {"query": {"wait": 0}} if label == "GET /stream" and not is_wrong else {}

    @settings(
        max_examples=8,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode, **fixed))
    def check(case: Any) -> None:
        asked = requests.Request(**case.as_transport_kwargs(base_url=ORIGIN + openapi.PREFIX))
        case.validate_response(answered(asked.prepare(), not is_wrong), checks=checks)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check()


OWN: dict[str, Any] = {"password": "s" * 32}
JSON, ROOM = {"media_type": "application/json"}, {"path_parameters": {"room": "#tea"}}
FITTING: dict[str, dict[str, Any]] = {
    "POST /session": JSON
    | {"body": {"name": "bob", "secret": packed(b"b" * 32), "new": True, "cookie": False}},
    "DELETE /session": {"query": {"anyway": ""}},
    "DELETE /sessions/{id}": {"path_parameters": {"id": int(OTHER)}},
    "POST /tokens": JSON | {"body": OWN | {"label": "ci", "scope": "post"}},
    "POST /password": JSON | {"body": {"old": "s" * 32, "password": "correct horse battery staple"}},
    "POST /pair": JSON | {"body": OWN},
    "POST /recovery": JSON | {"body": OWN},
    "POST /forget": JSON | {"body": OWN},
    "POST /posts": JSON | {"body": {"text": "hello", "room": "#tea", "form": "notice"}, "query": {}},
    "GET /stream": {"query": {"wait": 0}, "headers": {}},
    "PUT /rooms/{room}/membership": ROOM,
    "DELETE /rooms/{room}/membership": ROOM,
    "GET /rooms/{room}/posts": ROOM | {"query": {"limit": 3}},
    "GET /rooms/{room}/members": ROOM,
    "POST /hooks/{token}": JSON | {"body": {"text": "down"}, "query": {}, "path_parameters": {"token": HOOK}},
}


@pytest.mark.parametrize("label", OPERATIONS)
def test_what_fits_is_done(label: str) -> None:
    """All that the document has can be asked so that it is done, and the answer is as it says."""

    @settings(max_examples=1, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
    @given(case=OPERATIONS[label].as_strategy(**FITTING.get(label, {})))
    def check(case: Any) -> None:
        asked = requests.Request(**case.as_transport_kwargs(base_url=ORIGIN + openapi.PREFIX))
        answer = answered(asked.prepare(), shows_token=True)
        assert answer.status_code < 300, answer.content
        case.validate_response(answer, checks=CHECKS.get_by_names(WHOLE))

    check()
