"""What happens in rooms and between people, as one sentence in plain words. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chatnet.entries import Entry
from chatnet.kinds import CLUSTER
from chatnet.policies import parted

EVERYWHERE = "this server"
"""How the whole cluster is called."""
ROLES = {"owner": "an owner", "moderator": "a moderator", "admin": "an admin"}


@dataclass(frozen=True)
class Teller:
    """Tells ``reader`` of events. ``moment`` returns a time in milliseconds as people read it;
    ``author_of`` says who said the post of a seq, and is empty if that is not known."""

    reader: str
    moment: Callable[[int], str]
    author_of: Callable[[int], str]

    def sentence(self, event: Entry) -> str:
        """Return what has happened; empty for an event that this program does not know."""
        tell = _SENTENCES.get(event.kind)
        return "" if tell is None else tell(self, event)

    def who(self, event: Entry) -> str:
        """Return the author, as a sentence begins."""
        return "You" if event.user == self.reader else named(event.user)

    def whom(self, event: Entry) -> str:
        """Return whom it is for."""
        return "you" if event.to == self.reader else event.to

    def until(self, event: Entry) -> str:
        """Return until when it holds."""
        lasts = event.more.until if event.more is not None else 0
        return f" until {self.moment(lasts)}" if lasts else ""


def named(user: str) -> str:
    """Return how a user is called, as a sentence begins: the cluster has its operator's voice."""
    return "The operator" if user == CLUSTER else user


def _because(event: Entry) -> str:
    """Return the reason, and the end of the sentence."""
    return f": {event.text}" + "." * (event.text[-1] not in ".!?…") if event.text else "."


def _where(event: Entry) -> str:
    return event.room or EVERYWHERE


def _create(tell: Teller, event: Entry) -> str:
    return f"{tell.who(event)} made the private room {event.room}."


def _invite(tell: Teller, event: Entry) -> str:
    if event.to == tell.reader:
        # It is heard in a chat alone: there a JOIN without the slash would be posted.
        return f"{tell.who(event)} invites you to {event.room}: /join {event.room}."
    return f"{tell.who(event)} invited {event.to} to {event.room}."


def _remove(tell: Teller, event: Entry) -> str:
    return f"{tell.who(event)} removed {tell.whom(event)} from {event.room}{_because(event)}"


def _describe(tell: Teller, event: Entry) -> str:
    if not event.text:
        return f"{tell.who(event)} took the description of {event.room} away."
    return f"{tell.who(event)} described {event.room}{_because(event)}"


def _role(tell: Teller, event: Entry) -> str:
    if event.text not in ROLES:
        return f"{tell.who(event)} took from {tell.whom(event)} the role in {_where(event)}."
    return f"{tell.who(event)} made {tell.whom(event)} {ROLES[event.text]} of {_where(event)}."


def _ban(tell: Teller, event: Entry) -> str:
    banned = f"{tell.who(event)} banned {tell.whom(event)} from {_where(event)}"
    return f"{banned}{tell.until(event)}{_because(event)}"


def _mute(tell: Teller, event: Entry) -> str:
    muted = f"{tell.who(event)} muted {tell.whom(event)} in {_where(event)}"
    return f"{muted}{tell.until(event)}{_because(event)}"


def _unban(tell: Teller, event: Entry) -> str:
    lifted = f"{tell.who(event)} lifted every ban and mute of {tell.whom(event)} in {_where(event)}"
    return f"{lifted}{_because(event)}"


def _account(tell: Teller, event: Entry) -> str:
    return "your account" if event.to == tell.reader else f"the account of {event.to}"


def _disable(tell: Teller, event: Entry) -> str:
    return f"{tell.who(event)} disabled {_account(tell, event)}{_because(event)}"


def _enable(tell: Teller, event: Entry) -> str:
    return f"{tell.who(event)} enabled {_account(tell, event)}{_because(event)}"


def _policy(tell: Teller, event: Entry) -> str:
    name, value = parted(event.text)
    return f"{tell.who(event)} decided for {_where(event)}: {name} is {value}."


def _block(tell: Teller, event: Entry) -> str:
    return f"{tell.who(event)} blocked {event.to}."


def _unblock(tell: Teller, event: Entry) -> str:
    return f"{tell.who(event)} unblocked {event.to}."


def _redact(tell: Teller, event: Entry) -> str:
    author = tell.author_of(event.ref.seq) if event.ref is not None else ""
    others = " of yours" if author == tell.reader else f" of {author}'s"
    whose = "" if author in ("", event.user) else others
    return f"{tell.who(event)} took a post{whose} back{_because(event)}"


def _forget(tell: Teller, event: Entry) -> str:
    if event.user == event.to:
        return f"{tell.who(event)} left for good, and took back all that {event.to} ever said."
    return f"{tell.who(event)} took back all that {tell.whom(event)} ever said, and ended that account."


def _purge(tell: Teller, event: Entry) -> str:
    said = f"{tell.who(event)} took back all that {tell.whom(event)} said in {_where(event)}"
    return f"{said}{_because(event)}"


def _report(tell: Teller, event: Entry) -> str:
    number = event.ref.seq if event.ref is not None else 0
    return f"{tell.who(event)} reported post {number} to moderators{_because(event)}"


def _nick(tell: Teller, event: Entry) -> str:
    return f"{tell.who(event)} is called {event.to or 'otherwise'} now."


_SENTENCES: dict[str, Callable[[Teller, Entry], str]] = {
    "create": _create,
    "invite": _invite,
    "remove": _remove,
    "describe": _describe,
    "role": _role,
    "ban": _ban,
    "mute": _mute,
    "unban": _unban,
    "disable": _disable,
    "enable": _enable,
    "policy": _policy,
    "block": _block,
    "unblock": _unblock,
    "redact": _redact,
    "forget": _forget,
    "purge": _purge,
    "report": _report,
    "nick": _nick,
}
