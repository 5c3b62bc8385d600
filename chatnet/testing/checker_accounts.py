"""The promises about accounts: who comes in, and what ends their sessions. Pure."""

from __future__ import annotations

from chatnet.kinds import CLUSTER
from chatnet.testing.evidence import (
    Evidence,
    Violations,
)
from chatnet.testing.history import (
    Acknowledged,
    Ended,
    LoggedIn,
    Moved,
    Sent,
)
from chatnet.testing.standing import FAR

NOBODY_FOUND = "No cluster was found"
"""A client that finds nobody when it starts may give up, with a sentence that begins like this."""
ANOTHER_KEY = "The public key of "
"""So may a client that finds a relay in a master's place."""


def nobody_logs_in_again(evidence: Evidence) -> Violations:
    """The claim of section 1: after the first login a user only ever resumes, and nobody is turned away.

    Exceptions: a user who has set a new secret, which ends their other sessions, or is forgotten.
    """
    changed = set(evidence.standing.forgotten)
    right = (NOBODY_FOUND, ANOTHER_KEY) if evidence.relayed else NOBODY_FOUND
    for event in evidence.events:
        match event:
            case Sent(kind="secret" | "forget"):
                changed.add(event.user)
            case LoggedIn() | Ended() if _is_a_guest(event.client):
                continue  # it comes by a code, and its owner ends it
            case LoggedIn() | Ended() if event.user in changed:
                continue
            case LoggedIn(how="again"):
                yield f"{event.client} had to log in again at {event.time:.3f}"
            case Ended() if not event.sentence.startswith(right):
                yield f"{event.client} gave up at {event.time:.3f}: {event.sentence}"


def new_secrets_end_others(evidence: Evidence) -> Violations:
    """After a new secret, connections from before it do nothing, except the one that set it."""
    since: dict[str, float] = {}
    for event in evidence.events:
        match event:
            case LoggedIn():
                since[event.client] = event.time
            case Moved():
                since.pop(event.client, None)  # it logs in elsewhere, and nothing records when
            case Acknowledged() if event.client in since:
                for secret, by in evidence.secrets.get(event.user, ()):
                    is_of_before = since[event.client] < by.time
                    if secret.seq < event.seq and by.client != event.client and is_of_before:
                        yield (
                            f"{event.client} did what is in the log at {event.seq}, and {by.client} had set "
                            f"a new secret at {secret.seq} since it came in"
                        )


def ended_sessions_do_nothing(evidence: Evidence) -> Violations:
    """What comes from a session that was revoked is not in the log behind that, through whatever worker; and
    nobody comes in by it once its end was acknowledged."""
    ends: dict[tuple[str, int], int] = {}
    for entry in evidence.log:
        if entry.kind == "revoke" and entry.text != "0":
            ends.setdefault((entry.to, int(entry.text)), entry.seq)
    known: set[int] = set()
    session: dict[str, int] = {}
    for event in evidence.events:
        match event:
            case LoggedIn():
                session[event.client] = event.session
                end = ends.get((event.user, event.session), 0)
                if end in known:
                    yield f"{event.client} came in at {event.time:.3f} by a session that ended at {end}"
            case Acknowledged():
                end = ends.get((event.user, session.get(event.client, 0)), FAR)
                if end < event.seq:
                    yield f"{event.client} did what stands at {event.seq}, and its session ended at {end}"
                known.add(event.seq)


def codes_are_used_as_often_as_they_say(evidence: Evidence) -> Violations:
    """Each entry that shows a code stands behind the one that made it, is by whom it is for, and they are no
    more than may use it; but for one of a device, who made it is the cluster, or still an admin who can come
    in; nobody registers without one where the policy wants one."""
    left: dict[str, tuple[int, str, str]] = {}
    admins, shut_out = {CLUSTER}, set[str]()
    signup = "open"
    for entry in evidence.log:
        if entry.room == "" and entry.kind in ("role", "ban"):
            (admins.add if (entry.kind, entry.text) == ("role", "admin") else admins.discard)(entry.to)
        if entry.kind == "forget":
            admins.discard(entry.to)
        elif entry.kind == "disable":
            shut_out.add(entry.to)
        elif entry.kind == "enable":
            shut_out.discard(entry.to)
        if entry.kind == "policy" and entry.text.startswith("signup "):
            signup = entry.text.removeprefix("signup ")
        elif entry.kind == "code":
            hashed, uses = entry.text.split(" ")
            if not (entry.room[:1] == "&" and left.get(hashed, (0, ""))[0] > 0):  # else it is one more room
                left[hashed] = int(uses), entry.to, entry.user
        code = "" if entry.more is None else entry.more.code
        if code:
            good, whose, maker = left.get(code, (0, "", ""))
            is_vouched_for = maker in admins - shut_out or (entry.kind, maker) == ("session", entry.user)
            if good < 1 or whose not in ("", entry.user):
                yield f"the {entry.kind} at {entry.seq} is by a code that is good no longer, or for another"
            elif not is_vouched_for:
                yield f"the {entry.kind} at {entry.seq} is by a code of {maker}, who is no admin any more"
            left[code] = good - 1, whose, maker
        elif entry.kind == "register" and signup != "open":
            yield f"{entry.user} was registered at {entry.seq} without a code"


def _is_a_guest(client: str) -> bool:
    """Return whether it runs on a device that its user has let in by a code, for a while."""
    return client.partition("/")[0].endswith("++")
