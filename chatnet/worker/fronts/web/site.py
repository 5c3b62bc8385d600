"""What answers which request; and what stands on every answer."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

import msgspec
from twisted.logger import Logger

from chatnet.entries import fresh_key
from chatnet.errors import BadRequest, ChatnetError, InternalFailure, TryLater
from chatnet.keys import key_named
from chatnet.text import legible
from chatnet.worker.entrance import Entrance
from chatnet.worker.fronts.web import problems
from chatnet.worker.fronts.web.assets import Asset
from chatnet.worker.fronts.web.connection import WebConnection
from chatnet.worker.fronts.web.dialect import read
from chatnet.worker.fronts.web.exchange import Answer, Asked, Headers, Switch
from chatnet.worker.fronts.web.origins import Came, Seen, Shows, shown_by, shows_bearer
from chatnet.worker.fronts.web.settings import WebSettings

API = "/api/v1"
"""What the paths of the API begin with."""
JSON = "application/json"
HSTS_SECONDS = 365 * 24 * 3600
"""Seconds for which a browser uses TLS alone for our host, once it has seen us so."""
_DENIED = (
    *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid", "idle-detection"),
    *("magnetometer", "microphone", "midi", "payment", "screen-wake-lock", "serial", "usb"),
    "xr-spatial-tracking",
)
"""What a page of ours never asks of a browser, of what browsers know by these names."""
ON_EVERY_ANSWER: Headers = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", ", ".join(f"{one}=()" for one in _DENIED)),
)
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'{socket}; manifest-src 'self'; worker-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; object-src 'none'; "
    "require-trusted-types-for 'script'; trusted-types chatnet"
)
"""What a page of ours may do. Older Safaris take the socket only by its name: w3c/webappsec-csp#7."""
NOT_KEPT = ("Cache-Control", "no-store")
_CODES = {500: InternalFailure.code, 503: TryLater.code}
"""The codes of refusals that are no fault of the request."""
_NO_WEIGHT = re.compile(r"\s*q=0(\.0*)?\s*", re.IGNORECASE)
NOT_SERVING = "This worker does not serve yet, or no longer; try again in a second."
FULL = "This worker has as many connections as it can have; try again in a second: another may have room."


class Refused(Exception):
    """The request is answered with ``status`` and a sentence; ``code`` names why."""

    def __init__(self, status: int, sentence: str, code: str, headers: Headers = ()) -> None:
        super().__init__(sentence)
        self.status, self.code, self.headers = status, code, headers


def not_serving(sentence: str = NOT_SERVING, seconds: int = problems.LATER_SECONDS) -> Refused:
    """Return the refusal of what this worker cannot do now; after ``seconds`` it is worth to ask again."""
    return Refused(503, sentence, "NOT_SERVING", (("Retry-After", str(seconds)),))


def check_room(is_full: bool) -> None:
    """Check that one more may stay on a connection.

    :raises Refused: there are as many as the limit of open files permits.
    """
    if is_full:
        raise not_serving(FULL)


@dataclass(frozen=True, slots=True)
class Request:
    """A request to be answered. ``rest`` are the parts of its path that the route leaves open."""

    asked: Asked
    seen: Seen
    connection: WebConnection
    rest: Mapping[str, str]
    query: Mapping[str, str]
    let_in: Entrance | None

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; their names are in small letters."""
        return self.asked.headers

    @property
    def entrance(self) -> Entrance:
        """Where clients of this worker come in.

        :raises Refused: it serves nobody now.
        """
        if self.let_in is None:
            raise not_serving()
        return self.let_in

    @property
    def log_id(self) -> str:
        """The id of the log.

        :raises Refused: none is served.
        """
        return self.entrance.sessions.log.log_id

    def shows(self) -> Shows:
        """Return what it shows of who asks."""
        return shown_by(self.headers, self.log_id, self.seen.scheme)

    def json(self) -> dict[str, Any]:
        """Return the object in its body.

        :raises Refused: it says that it has no JSON. :raises BadRequest: what it has is none.
        """
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != JSON:
            raise Refused(415, f"Send JSON, and say so: Content-Type: {JSON}.", "BAD_REQUEST")
        return read(self.asked.body)


def key_of(request: Request, settings: WebSettings) -> bytes:
    """Return the key of what a request asks to be appended: the one that it names, or else a new one.

    :raises BadRequest: the name is empty, or too long.
    """
    name = request.headers.get("idempotency-key")
    if name is None:
        return fresh_key(settings.clocks.wall(), settings.entropy)
    try:
        return key_named(name.encode("latin-1").decode("utf-8", "surrogateescape"))
    except ValueError as error:
        raise BadRequest.of(why=f"{error} (Idempotency-Key).") from error


Answering = Callable[[Request], Awaitable[Answer | Switch]]


class Route(NamedTuple):
    """What answers a method at a path, in which ``{name}`` stands for one part.

    ``is_open``: it may be asked by a page of anybody's, and by who shows nothing; of others, what is no GET
    must come from our own page, or show a ticket in ``Authorization``. ``is_guarded``: a GET, too.
    ``may_lack_origin``: the function itself decides what may be done without an Origin. ``needs_log``: it is
    put off while nobody is served.
    """

    method: str
    path: str
    answer: Answering
    is_open: bool = False
    is_guarded: bool = False
    may_lack_origin: bool = False
    needs_log: bool = True


def answer_json(status: int, value: object, headers: Headers = ()) -> Answer:
    """Return an answer with a value in JSON."""
    return Answer(status, (("Content-Type", JSON), NOT_KEPT, *headers), msgspec.json.encode(value))


def answer_problem(status: int, sentence: str, code: str, headers: Headers = ()) -> Answer:
    """Return a refusal."""
    body = problems.body(status, sentence, code)
    return Answer(status, (("Content-Type", problems.TYPE), NOT_KEPT, *headers), body)


def answer_error(error: ChatnetError) -> Answer:
    """Return the refusal that tells of an error."""
    status = problems.status_of(error)
    headers: list[tuple[str, str]] = []
    if status in (429, 503):
        headers.append(("Retry-After", str(problems.wait_of(error))))
    if status == 401:
        headers.append(("WWW-Authenticate", "Bearer"))
    return answer_problem(status, str(error), error.code.decode("ascii"), headers)


class _Node:
    """One part of a path: what may follow, and what is answered here, by method."""

    def __init__(self) -> None:
        self.named: dict[str, _Node] = {}
        self.open: tuple[str, _Node] | None = None
        self.routes: dict[str, Route] = {}


class Routes:
    """All routes, found by the parts of a path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            node = self._root
            for part in route.path.split("/")[1:]:
                if part.startswith("{"):
                    if node.open is None:
                        node.open = (part[1:-1], _Node())
                    node = node.open[1]
                else:
                    node = node.named.setdefault(part, _Node())
            if route.method in node.routes:
                raise ValueError(f"two routes for {route.method} {route.path}")
            node.routes[route.method] = route

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route for a path, and what stands in its open parts.

        :raises Refused: there is nothing, or not by this method.
        """
        node, rest = self._root, {}
        for part in path.split("/")[1:]:
            if (known := node.named.get(part)) is not None:
                node = known
            elif node.open is not None and part:
                name, node = node.open
                rest[name] = unquote(part)
            else:
                raise _nothing_there()
        if not node.routes:
            raise _nothing_there()
        route = node.routes.get("GET" if method == "HEAD" else method)
        if route is None:
            allowed = ", ".join(node.routes).replace("GET", "GET, HEAD")
            raise Refused(405, f"Here one may {allowed}.", "NOT_ALLOWED", (("Allow", allowed),))
        return route, rest


def _nothing_there() -> Refused:
    return Refused(404, "There is nothing here.", "NOT_ALLOWED")


class Site:
    """Answers the requests of all connections: :class:`~chatnet.worker.fronts.web.exchange.Answers`.

    ``let_in`` returns where clients come in; None while nobody is served.
    """

    _logger = Logger()

    def __init__(
        self,
        settings: WebSettings,
        let_in: Callable[[], Entrance | None],
        may_be_logged: Callable[[str], bool],
        routes: Sequence[Route] = (),
    ) -> None:
        self._settings = settings
        self._origins = settings.origins
        self._let_in = let_in
        self._may_be_logged = may_be_logged
        self._routes = Routes([*self._files(), *routes])
        self._date = (-1, "")

    # ---- requests ----

    async def answer(self, asked: Asked, connection: WebConnection) -> Answer | Switch:
        """Return the answer to a request."""
        seen = self._origins.see(asked.came, asked.headers, asked.scheme)
        try:
            answer = await self._answer(asked, seen, connection)
        except Refused as why:
            answer = answer_problem(why.status, str(why), why.code, why.headers)
        except ChatnetError as error:
            answer = answer_error(error)
        except Exception:
            line = "A request of {peer} failed; it was told so"
            if self._may_be_logged(line):
                self._logger.failure(line, peer=connection.peer)
            answer = answer_error(InternalFailure(InternalFailure.sentence))
        if isinstance(answer, Switch) and asked.method == "HEAD":
            answer.speech.lost("it was asked by HEAD")
            answer = answer_problem(405, "Here one may GET.", "NOT_ALLOWED", (("Allow", "GET"),))
        headers = (*answer.headers, *self._on_every_answer(seen))
        if isinstance(answer, Switch):
            return answer._replace(headers=headers)
        # Another worker may be able to: so we close the connection, which leads to this one.
        return answer._replace(headers=headers, is_last=answer.is_last or answer.status == 503)

    def refusal(self, status: int, why: str, came: Came) -> Answer:
        """Return the answer to what cannot be read, or is not answered otherwise."""
        code = _CODES.get(status, BadRequest.code).decode("ascii")
        later = (("Retry-After", str(problems.LATER_SECONDS)),) if status == 503 else ()
        answer = answer_problem(status, why, code, later)
        seen = Seen(came.address, "http", None, False)
        return answer._replace(headers=(*answer.headers, *self._on_every_answer(seen)), is_last=True)

    async def _answer(self, asked: Asked, seen: Seen, connection: WebConnection) -> Answer | Switch:
        path, _, query = asked.target.partition("?")
        if path == "/healthz":
            return answer_json(200, {"alive": True})
        if path == "/readyz":
            return self._ready()
        if not path.startswith("/"):
            raise Refused(400, "Ask for a path, which begins with /.", "BAD_REQUEST")
        if seen.place is None:
            host = legible(seen.said_host, 100)
            raise Refused(
                421, f"This is not {host}: who runs this server names it by --public-url.", "NOT_ALLOWED"
            )
        route, rest = self._routes.find(asked.method, path)
        request = Request(
            asked, seen, connection, rest, dict(parse_qsl(query, keep_blank_values=True)), self._let_in()
        )
        _check_origin(route, request)
        if route.needs_log and request.let_in is None:
            raise not_serving()
        return await route.answer(request)

    def _ready(self) -> Answer:
        if self._let_in() is None:
            raise not_serving()
        return answer_json(200, {"ready": True})

    def _on_every_answer(self, seen: Seen) -> Headers:
        place = seen.place
        socket = ""
        if place is not None:
            socket = f" {'wss' if place.scheme == 'https' else 'ws'}://{place.host}"
        found = [("Content-Security-Policy", _POLICY.format(socket=socket)), *ON_EVERY_ANSWER]
        if seen.is_public and seen.scheme == "https":
            found.append(("Strict-Transport-Security", f"max-age={HSTS_SECONDS}"))
        now = int(self._settings.clocks.wall())
        if now != self._date[0]:
            self._date = now, formatdate(now, usegmt=True)
        return [*found, ("Date", self._date[1])]

    # ---- the page ----

    def _files(self) -> list[Route]:
        deep = ("", "/{b}", "/{b}/{c}")
        paths = dict.fromkeys(self._settings.assets.roots, self._root)
        paths |= {f"/a/{{hash}}/{{a}}{more}": self._file for more in deep}
        return [Route("GET", path, one, is_open=True, needs_log=False) for path, one in paths.items()]

    async def _root(self, request: Request) -> Answer:
        place = request.seen.place
        target = request.asked.target
        path = target.partition("?")[0]
        if path == "/" and place is not None and place.name == "127.0.0.1":
            # What a page keeps is kept for one name: it must not be in two places by chance.
            there = place._replace(name="localhost").origin
            return Answer(307, (NOT_KEPT, ("Location", f"{there}{target}")))
        asset = self._settings.assets.roots[path]
        return _of_asset(asset, request, NOT_KEPT)

    async def _file(self, request: Request) -> Answer:
        assets, rest = self._settings.assets, request.rest
        if rest["hash"] != assets.hash:
            raise Refused(
                503, "Another worker has this file: try again.", "TRY_LATER", (("Retry-After", "0"),)
            )
        asset = assets.files.get("/".join(rest[part] for part in "abc" if part in rest))
        if asset is None:
            raise _nothing_there()
        return _of_asset(asset, request, ("Cache-Control", "public, max-age=31536000, immutable"))


def _of_asset(asset: Asset, request: Request, kept: tuple[str, str]) -> Answer:
    headers = (kept, ("ETag", asset.etag), ("Vary", "Accept-Encoding"))
    if asset.etag in request.headers.get("if-none-match", ""):
        return Answer(304, headers)
    named = (("Content-Type", asset.kind), *headers)
    if asset.zipped is not None and _takes_gzip(request.headers.get("accept-encoding", "")):
        return Answer(200, (*named, ("Content-Encoding", "gzip")), asset.zipped)
    return Answer(200, named, asset.content)


def _takes_gzip(accepted: str) -> bool:
    """Return whether who says this in ``Accept-Encoding`` takes gzip; with a weight of 0 they do not."""
    for coding in accepted.split(","):
        name, _, weight = coding.partition(";")
        if name.strip().lower() == "gzip":
            return not _NO_WEIGHT.fullmatch(weight)
    return False


def _check_origin(route: Route, request: Request) -> None:
    """Check that what only our own page may ask does not come from another one.

    :raises Refused: it does.
    """
    if route.is_open:
        return
    headers = request.headers
    site = headers.get("sec-fetch-site", "none")
    if site == "cross-site":
        raise other_origin()
    if request.asked.method in ("GET", "HEAD") and not route.is_guarded:
        if site == "same-site":  # another port of localhost, or another name below example.org
            raise other_origin()
        return
    origin = headers.get("origin")
    if origin is not None:
        if not request.seen.fits(origin):
            raise other_scheme() if request.seen.fits_but_for_scheme(origin) else other_origin()
    elif not (route.may_lack_origin or shows_bearer(headers)):
        raise other_origin()


def other_scheme() -> Refused:
    """Return the refusal of a page that came by another scheme than we think: for the operator."""
    return Refused(
        403,
        "The page came by another scheme than this request. If a proxy speaks TLS for this server, who runs "
        "it names the proxy by --trusted-proxies, or the page's address by --public-url.",
        "OTHER_ORIGIN",
    )


def other_origin() -> Refused:
    """Return the refusal of what only a page of ours may ask."""
    return Refused(
        403,
        "This must come from the page of this server itself, or from a program that shows a ticket "
        "(Authorization: Bearer TICKET) and sends no Origin.",
        "OTHER_ORIGIN",
    )
