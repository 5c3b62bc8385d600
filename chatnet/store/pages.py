"""The size of entries and drafts on the wire, and pages cut to fit it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chatnet.aging import NEVER, LastUse
from chatnet.credentials import is_of_password
from chatnet.entries import Draft, Entry, More, packed_more
from chatnet.limits import PageSize
from chatnet.reads import Account, Device, Position, Snapshot
from chatnet.stays import Interval

PAGE_ROOMS = 200
"""How many names a page of rooms holds."""
FIRST_CHUNK, LAST_CHUNK = 20, 640
"""How many seqs are read of one place at a time: few at first, because there may be many places."""
FEED_STAYS = 500
"""How many stays of the reader may end within the range of a feed's page: each needs a search of its own."""
OPEN = (1 << 63) - 1
"""``membership.left`` of a stay that has not ended, in every store; also a seq that no log reaches."""
FIRST_STAY: Position = (OPEN, "\U0010ffff")
"""No stay comes before this position: the first page begins here."""

# msgpack's headers, the longest kind, the key, and the numbers at their longest.
_DRAFT_BYTES = 60
_ENTRY_BYTES = _DRAFT_BYTES + 9


def draft_bytes(draft: Draft) -> int:
    """Return an upper bound of the encoded size, in bytes."""
    user, room, text, more = draft.user, draft.room, draft.text, draft.more
    if more is None and user.isascii() and room.isascii() and text.isascii():  # as almost all are
        return _DRAFT_BYTES + len(user) + len(room) + len(text)
    return _DRAFT_BYTES + _utf8(user) + _utf8(room) + _utf8(text) + _more(more)


def entry_bytes(entry: Entry) -> int:
    """Return an upper bound of the encoded size, in bytes."""
    size = _ENTRY_BYTES + _utf8(entry.user) + _utf8(entry.room) + _utf8(entry.text) + _more(entry.more)
    return size + sum(5 + _utf8(place) for place in entry.at)


def take_page(entries: Iterable[Entry], size: PageSize) -> tuple[list[Entry], bool]:
    """Return the first page of ``entries``, and whether more entries follow that had no room in it.

    A page has at least one entry, if there is one. From a lazy iterable one more entry may be drawn.
    """
    page: list[Entry] = []
    room = size.bytes
    for entry in entries:
        room -= entry_bytes(entry)
        if page and (room < 0 or len(page) == size.entries):
            return page, True
        page.append(entry)
    return page, False


def snapshot_page(
    account: Account | None,
    upto: int,
    stays: Sequence[tuple[str, int, int, int | None]],
    size: PageSize,
    orders: tuple[int, int | None, int | None],
    session: Device | None = None,
    last_use: LastUse = NEVER,
) -> Snapshot:
    """Return the page of a snapshot with these ``stays``: room, joined and left of each, and when it has
    ended, if that is not written down yet. ``orders`` is as of which head it is known until when the user is
    banned from the cluster, and whether their account is disabled; None: they are not."""
    ends = ((room, joined, ended or left) for room, joined, left, ended in stays)
    intervals = [Interval(room, joined, end if end <= upto else None) for room, joined, end in ends]
    secret_seq, registered = (account.secret_seq, account.registered) if account else (0, 0)
    is_full = len(stays) == size.stays
    behind = (stays[-1][2], stays[-1][0]) if is_full else None
    newest, barred, disabled = orders
    fresh = account.fresh if account else 0
    return Snapshot(
        *(upto, secret_seq, registered, intervals, behind, barred or 0, bool(disabled), session, fresh),
        has_password=account is not None and is_of_password(account.credential),
        newest=newest,
        last_use=last_use,
    )


def _utf8(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _more(more: More | None) -> int:
    return 0 if more is None else len(packed_more(more) or b"")
