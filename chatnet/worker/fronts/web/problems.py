"""Refusals as HTTP has them: a status for each error, and a body of RFC 9457. Pure."""

from __future__ import annotations

import re
from http import HTTPStatus

import msgspec

from chatnet import errors
from chatnet.errors import ChatnetError

TYPE = "application/problem+json"
LATER_SECONDS = 1
"""Seconds after which it is worth to ask again what cannot be done now."""

_STATUSES: dict[int, tuple[type[ChatnetError], ...]] = {
    400: (errors.BadRequest, errors.WrongVersion),
    401: (
        *(errors.WrongSecret, errors.BadTicket, errors.SessionEnded, errors.SecretChanged),
        *(errors.BadCode, errors.CodeNeeded),
    ),
    403: (
        *(errors.Barred, errors.Disabled, errors.Forgotten, errors.NotInScope, errors.NotYours),
        *(errors.NotJoined, errors.NotModerator, errors.NotOwner, errors.NotAdmin, errors.NotOperators),
        *(errors.NoReason, errors.OutOfReach, errors.Banned, errors.BannedThere, errors.Muted),
        *(errors.MutedThere, errors.DirectOff, errors.SignupClosed, errors.NameKept, errors.TlsRequired),
    ),
    404: (
        *(errors.NotAllowed, errors.NoSuchUser, errors.NoSuchRoom, errors.NoSuchPost),
        *(errors.NoSuchSession,),
    ),
    422: (
        *(errors.BadName, errors.BadRoom, errors.BadText, errors.BadSecret, errors.KeyReused),
        *(errors.OwnRoom, errors.Yourself),
    ),
    429: (errors.TryLater, errors.TooManyToday, errors.TooManyTopics, errors.TooManyTalks),
    500: (errors.InternalFailure, errors.Poison),
    503: errors.UNREAD,
}
_STATUS_OF = {error: status for status, several in _STATUSES.items() for error in several}
OTHERWISE = 409
"""The status of what the state of things does not allow."""


_SECONDS = re.compile(r"in (\d{1,6}) s\b")
_HOUR = 3600
_OF_A_DAY = (errors.TooManyToday, errors.TooManyTopics, errors.TooManyTalks)
"""What takes hours to pass, as their sentences say."""


def wait_of(error: ChatnetError) -> int:
    """Return after how many seconds it is worth to ask again, which the sentence may say."""
    if isinstance(error, _OF_A_DAY):
        return _HOUR
    found = _SECONDS.search(str(error))
    return int(found[1]) if found else LATER_SECONDS


def status_of(error: ChatnetError) -> int:
    """Return the status with which an error is answered."""
    return _STATUS_OF.get(type(error), OTHERWISE)


def body(status: int, detail: str, code: str) -> bytes:
    """Return the body of a refusal, with the sentence ``detail``."""
    title = HTTPStatus(status).phrase
    problem = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
    return msgspec.json.encode(problem)
