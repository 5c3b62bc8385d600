"""The operator's orders, in the cluster's own name: ``admin``, ``role``, ``user``, ``policy``, and others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple

from twisted.python import usage

from chatnet.codes import MOST_USES, code_text, fresh_code, kept
from chatnet.command_lines import ChatCommand
from chatnet.errors import UNREAD, BadName, CannotStart, NotAllowed, Refusal
from chatnet.kinds import KINDS
from chatnet.names import GUEST, MAX_ROOM, MAX_SPELLED, Where, fold_room, fold_user, is_guest
from chatnet.net.link import Link
from chatnet.operator.status import ask_status, shown
from chatnet.operator.users import Listing, find_user, lasting
from chatnet.policies import FOR_EVER, POLICIES, parted, wrong_policy
from chatnet.rules import MOST_CODE_ROOMS, ROLES
from chatnet.text import is_text, legible, meant
from chatnet.wire.operate import Order, RoomPolicies
from chatnet.world import World

EVERYWHERE = "the whole cluster"
_A = {"owner": "an owner", "moderator": "a moderator", "admin": "an admin"}
_SIGNUP = {
    "open": "anybody may register a name",
    "code": "a new name needs a code, which “chatnet invite” prints",
    "closed": "only whom “chatnet user add NAME” has added comes in anew",
}
_IS_CLOSED = "Nobody new comes in by it while signup is closed: the code is good after “chatnet signup code”."
ACTIONS = ("ban", "mute", "unban")
ACCOUNTS = ("disable", "enable")
CODES = ("add", "reset")


class Wanted(NamedTuple):
    """An order as it was typed; ``seconds`` is for how long it holds, 0 for ever."""

    kind: str
    room: str
    to: str
    text: str
    seconds: int = 0


class Coded(NamedTuple):
    """A code that is to be made. ``to``: for this user alone, good once, for 24 h, and with ``resets`` in
    place of what they had; otherwise for ``uses`` new users, for ``seconds``, invited to ``rooms``."""

    to: str = ""
    resets: bool = False
    uses: int = 1
    seconds: int = 0
    rooms: tuple[str, ...] = ()


class Listed(NamedTuple):
    """The policies of a topic are asked for, or for an empty ``room`` those of the cluster: all, or the one
    of this ``name``."""

    room: str
    name: str = ""


async def give(link: Link, orders: Sequence[Wanted], world: World) -> AsyncIterator[str]:
    """Have the primary give the orders, one after the other; of each yield a sentence that says what was
    done.

    :raises CannotStart: the log does not take one; those before it are done.
    """
    for wanted in orders:
        until = _until(world.wall, wanted.seconds)
        seq = await _ordered(link, wanted, until)
        yield (f"{_done(wanted, _moment(world, until))}, at seq {seq:,}.")


def _until(wall: Callable[[], float], seconds: int) -> int:
    """Return until when what lasts for so long holds, in milliseconds since 1970; 0: it does not end."""
    return int((wall() + seconds) * 1000) if seconds else 0


def _moment(world: World, until: int) -> str:
    return world.local(until / 1000).isoformat(sep=" ", timespec="minutes") if until else ""


def _done(wanted: Wanted, until: str) -> str:
    """Return what was done, without the end of the sentence; ``until`` may be empty."""
    to = wanted.to
    where = fold_room(wanted.room) if wanted.room else EVERYWHERE
    lasts = f" until {until}" if until else ""
    match wanted.kind:
        case "role":
            of = f"has no role in {where}" if wanted.text == ROLES[0] else f"is {_A[wanted.text]} of {where}"
            return f"{to} {of} now"
        case "ban":
            return f"Banned {to} from {where}{lasts}"
        case "mute":
            return f"Muted {to} in {where}{lasts}"
        case "unban":
            return f"Lifted every ban and mute of {to} in {where}"
        case "disable" | "enable":
            return f"The account of {to} is {wanted.kind}d now"
        case "purge":
            return f"Took back all that {to} said in {where} so far"
        case "forget":
            return f"Took back all that {to} ever said, and ended the account"
    name, value = parted(wanted.text)
    means = f" ({_SIGNUP[value]})" if name == "signup" else ""
    return f"In {where}, {name} is {value}{means} now"


async def make_code(link: Link, wanted: Coded, chat: ChatCommand, world: World) -> str:
    """Have the primary take a code that is made here; return it, what keeps out who has it, the link to the
    page with it, if there is a page, and by what ``chat`` command it is used.

    :raises CannotStart: the log does not take it.
    """
    code = fresh_code(world.entropy)
    until = _until(world.wall, wanted.seconds)
    obstacles = await _obstacles(link, wanted.to, world)
    if wanted.resets:
        await _ordered(link, Wanted("revoke", "", wanted.to, "0"), 0)
    text = code_text(kept(code), wanted.uses)
    try:
        for room in wanted.rooms or ("",):
            await _ordered(link, Wanted("code", room, wanted.to, text), until)
    except CannotStart as no:
        if not wanted.resets:
            raise
        raise CannotStart(f"All that let {wanted.to} in has ended, but there is no code: {no}") from no
    name = wanted.to or "NAME"
    if wanted.resets:
        first = f"All that let {name} in has ended. {code} sets a new secret for {name}, once, within 24 h."
    elif wanted.to:
        first = f"{code} registers {name}, once, within 24 h."
    else:
        many = f"{wanted.uses:,} new names" if wanted.uses > 1 else "one new name"
        then = f", and invites them to {' and '.join(wanted.rooms)}" if wanted.rooms else ""
        first = f"{code} registers {many}, until {_moment(world, until)}{then}."
    return "\n".join([first, *obstacles, *await _links(link, code), *chat.with_code(name)])


async def _obstacles(link: Link, to: str, world: World) -> list[str]:
    """Return sentences about what may pass, and until then keeps out who has a code for the name ``to``, or
    for a new one."""
    try:
        if not to:
            held = (await link.callRemote(RoomPolicies, room=""))["policies"]
            return [_IS_CLOSED] if ("signup", "closed") in held else []
        user, guest = await find_user(link, to), await find_user(link, GUEST + to)
    except (NotAllowed, *UNREAD):  # a primary of an older release, or a damaged store: the code is as good
        return []
    found: list[str] = []
    if guest is not None:
        found.append(f"A guest is called {guest.name} now: the code is good once they are gone.")
    if user is not None and user.banned:
        banned = lasting(f"{to} is banned from {EVERYWHERE}", user.banned, world)
        found.append(f"{banned}: the code is good once “chatnet user unban {to}” has lifted that.")
    if user is not None and user.disabled:
        found.append(f"The account is disabled: the code is good once “chatnet user enable {to}” was said.")
    return found


async def _links(link: Link, code: str) -> list[str]:
    """Return a line with the address of the page that has the code filled in; none if there is no page."""
    return [f"In a browser: {shown(page, f'/#/code/{code}')}" for page in (await ask_status(link)).pages[:1]]


async def _ordered(link: Link, wanted: Wanted, until: int) -> int:
    try:
        answer = await link.callRemote(
            Order, kind=wanted.kind, room=wanted.room, to=wanted.to, text=wanted.text, until=until
        )
    except Refusal as no:
        raise CannotStart(str(no)) from no
    seq: int = answer["seq"]
    return seq


def role(words: tuple[str, ...]) -> list[Wanted]:
    """Return the order of ``chatnet role NAME ROLE [ROOM]``."""
    if len(words) not in (2, 3):
        raise usage.UsageError(
            "role takes a user, a role, and perhaps a room: chatnet role NAME moderator '#tea'."
        )
    name, what, room = _named(words[0], "role"), *(*_short(words[1:]), "")[:2]
    if what not in ROLES:
        raise usage.UsageError(f"A role is {', '.join(ROLES[1:])} or none.{meant(what, ROLES)}")
    if (what == "admin") is bool(room) and what in ("admin", "owner"):
        raise usage.UsageError("An admin is one of the whole cluster, and an owner is one of a room.")
    return [Wanted("role", room, name, what)]


def admin(words: tuple[str, ...]) -> list[Wanted]:
    """Return the order of ``chatnet admin NAME``."""
    if len(words) != 1:
        raise usage.UsageError("admin takes one user: chatnet admin NAME.")
    return [Wanted("role", "", _named(words[0], "role"), "admin")]


def purge(words: tuple[str, ...], options: Any) -> list[Wanted]:
    """Return the order of ``chatnet purge ROOM NAME``."""
    if len(words) != 2:
        raise usage.UsageError("purge takes a room and a user: chatnet purge '#tea' NAME.")
    [room] = _short(words[:1])
    return [Wanted("purge", room, _named(words[1], "purge"), options["reason"])]


def exported(words: tuple[str, ...]) -> str:
    """Return of whom ``chatnet user export NAME`` wants what is kept; empty for another command."""
    if words[:1] != ("export",):
        return ""
    if len(words) != 2:
        raise usage.UsageError("export takes one user: chatnet user export NAME.")
    return _named(words[1], "export")


def user(words: tuple[str, ...], options: Any) -> list[Wanted] | Coded | Listing:
    """Return the orders of ``chatnet user ACTION NAME [ROOM]``, or what ``chatnet user list`` asks."""
    actions = (*ACTIONS, *ACCOUNTS, *CODES, "export", "forget", "list")
    if words[:1] == ("list",):
        return _listing(words[1:], options)
    if len(words) not in (2, 3) or words[0] not in actions:
        raise usage.UsageError(
            "user takes what to do, a user, and for a ban perhaps a room: chatnet user ban NAME, or mute, "
            "unban (of a mute, too), disable, enable, add, reset, export, forget; or list, without a name."
            + (meant(words[0], actions) if words and words[0] not in actions else "")
        )
    what, name, room = words[0], _named(words[1], words[0]), (*_short(words[2:]), "")[0]
    if options["matching"] or options["json"]:
        raise usage.UsageError("--matching and --json are for list.")
    if options["for"] and what not in ("ban", "mute"):
        raise usage.UsageError("--for is for ban and mute.")
    if what in CODES and options["reason"]:
        raise usage.UsageError("--reason is for bans, and for disable and enable.")
    if options["purge"] and what != "ban":
        raise usage.UsageError(
            "--purge is for ban; “chatnet purge ROOM NAME” takes back what was said in a room."
        )
    if what == "forget":
        return [_forget(name, room, options)]
    if room and what not in ACTIONS:
        raise usage.UsageError(f"user {what} is about the whole cluster: it takes no room.")
    if what in CODES:
        return Coded(name, resets=what == "reset")
    orders = [Wanted(what, room, name, options["reason"], options["for"] or 0)]
    return [*orders, Wanted("purge", room, name, options["reason"])] if options["purge"] else orders


def _listing(words: tuple[str, ...], options: Any) -> Listing:
    if words:
        raise usage.UsageError(
            "list takes options alone: chatnet user list --matching al lists those whose names begin so."
        )
    if any(options[name] for name in ("for", "reason", "purge", "yes")):
        raise usage.UsageError("list takes --matching and --json, and no option of an order.")
    [prefix] = _short((options["matching"] or "",))
    return Listing(prefix, bool(options["json"]))


def _forget(name: str, room: str, options: Any) -> Wanted:
    if room or options["reason"]:
        raise usage.UsageError(
            "forget takes a user alone: it is about all of this cluster, and says no reason."
        )
    if not options["yes"]:
        raise usage.UsageError(
            f"This takes back all that {legible(name, 40)} ever said, and ends the account; it cannot be "
            "undone, and the name is not used again. “chatnet user export” prints what there is; with --yes "
            "it is done."
        )
    return Wanted("forget", "", name, "")


def policy(words: tuple[str, ...]) -> list[Wanted] | Listed:
    """Return the order of ``chatnet policy NAME VALUE [ROOM]``, or what ``chatnet policy [ROOM]`` asks."""
    words = _short(words)
    if len(words) < 2:
        return Listed(_decided_about(words[0] if words else ""))
    name, *values = words
    last = values.pop() if len(values) > 1 and " ".join(values) != FOR_EVER else ""
    room = _decided_about(last)
    text = f"{name} {' '.join(values)}"
    if why := wrong_policy(text, Where.TOPIC if room else Where.CLUSTER):
        raise usage.UsageError(why)
    return [Wanted("policy", room, "", text)]


def _decided_about(room: str) -> str:
    if room[:1] == "&":
        raise usage.UsageError("The policies of a private room are its owners' alone: POLICY is theirs.")
    if room[:1] not in ("", "#"):
        raise usage.UsageError(
            "policy takes a name, a value, and perhaps a topic: chatnet policy keep 90d '#tea'; or nothing, "
            "or a topic, and shows what holds."
        )
    return room


async def policies(link: Link, listed: Listed) -> str:
    """Return the policies of a topic, or of the cluster, as lines; of one, what it means.

    :raises CannotStart: there is no such topic.
    """
    try:
        answer = await link.callRemote(RoomPolicies, room=listed.room)
    except Refusal as no:
        raise CannotStart(str(no)) from no
    found = [(name, value) for name, value in answer["policies"] if listed.name in ("", name)]
    if listed.name == "signup":
        return "\n".join(f"signup is {value}: {_SIGNUP[value]}." for _, value in found)
    return "\n".join(f"{name:7} {value}" for name, value in found)


def signup(words: tuple[str, ...]) -> list[Wanted] | Listed:
    """Return the order of ``chatnet signup open|code|closed``, or what ``chatnet signup`` asks."""
    values = POLICIES["signup"].values
    if not words:
        return Listed("", "signup")
    if len(words) != 1 or words[0] not in values:
        raise usage.UsageError(
            "signup takes open, code or closed: chatnet signup code; or nothing, and shows what holds."
            + meant(words[0], values)
        )
    return [Wanted("policy", "", "", f"signup {words[0]}")]


def invite(words: tuple[str, ...], options: Any) -> Coded:
    """Return what ``chatnet invite`` is to make."""
    if words:
        raise usage.UsageError("invite takes options alone: chatnet invite --uses 20 --days 7.")
    uses, days = options["uses"], options["days"]
    if not 1 <= uses <= MOST_USES:
        raise usage.UsageError(f"A code is for 1 to {MOST_USES:,} new names.")
    if not 1 <= days <= MOST_DAYS:
        raise usage.UsageError(f"A code is good for 1 to {MOST_DAYS} days.")
    rooms = tuple(dict.fromkeys(_short(tuple(options.rooms))))
    if any(room[:1] != "&" for room in rooms):
        raise usage.UsageError("A code invites to private rooms: --room '&class'. Others need none.")
    if len(rooms) > MOST_CODE_ROOMS:
        raise usage.UsageError(f"A code invites to {MOST_CODE_ROOMS} rooms, at most.")
    return Coded("", uses=uses, seconds=days * 86_400, rooms=rooms)


MOST_DAYS = 366


def _named(word: str, what: str) -> str:
    """Return of whom ``what`` is to be done, in the one spelling of the name.

    :raises UsageError: nobody can be called so; or only guests are, to whom that is not done.
    """
    [word] = _short((word,))
    try:
        name = fold_user(word)
    except BadName as no:
        raise usage.UsageError(str(no)) from no
    kind = KINDS.get(what)
    if is_guest(name) and not (kind is not None and kind.to_guests):
        raise usage.UsageError(
            f"{name} is what a guest is called, and a guest has no account: one can be banned, muted and "
            "purged, and nothing else."
        )
    return name


def _short(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        if not is_text(word) or len(word) > min(MAX_SPELLED, 4 * MAX_ROOM):
            raise usage.UsageError(f"{legible(word, 40)} is neither a name nor a room.")
    return words
