"""The promises about accounts: who comes in, and what ends their sessions. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from chatnet.entries import Entry
from chatnet.errors import BadCode, CodeNeeded, NameKept, SignupClosed
from chatnet.kinds import CLUSTER
from chatnet.testing.evidence import Evidence, Violations, seqs_of
from chatnet.testing.history import (
    Acknowledged,
    ChatBegun,
    Ended,
    Heard,
    HistoryHeard,
    LoggedIn,
    Lost,
    Moved,
    PageRead,
    Started,
    Stopped,
    Took,
)
from chatnet.testing.standing import FAR

AT_THE_DOOR = {error.sentence for error in (CodeNeeded, SignupClosed)}
"""A client with a new name, to whom nobody has given a code, may give up with these sentences."""
CLOSED = ("signup code", "signup closed")
LOGIN_SECONDS = 15.0
"""No user waits longer for the answer to a login."""
NOBODY_FOUND = "No cluster was found"
"""One that finds nobody when it starts may give up, with a sentence that begins like this."""
ANOTHER_KEY = "The public key of "
"""So may a client that finds a relay in a master's place."""


def nobody_logs_in_again(evidence: Evidence) -> Violations:
    """The claim of section 1: after the first login a user only ever resumes, and nobody is turned away.

    Exceptions: who uses a session that the log has ended by then (another client on the device may have a
    newer one meanwhile), is shut out, comes to a closed door, or shows a code that is not good, as guests do.
    Of two clients on a device whose session has ended both may be logging in at the same time. So may two
    with a new name: the log may be asked for one before the other has registered it, and answer later.
    """
    session: dict[tuple[str, bool], int] = {}
    since: dict[tuple[str, bool], float] = {}
    first: dict[tuple[str, bool], float] = {}
    own: dict[str, int] = {}
    begins: dict[str, float] = {}
    right = (NOBODY_FOUND, ANOTHER_KEY) if evidence.relayed else NOBODY_FOUND
    for event, upto in zip(evidence.events, evidence.latest, strict=True):
        device = event.user, _is_a_guest(event.client)
        client = event.client.partition("/")[0]
        match event:
            case Started():
                begins[event.client] = event.time
                own[client] = session.get(device, own.get(client, 0))
            case LoggedIn():
                newest = since.get(device, 0.0)
                # Who begins asks its device once for what it knows, and may then wait for whoever is down.
                is_earlier = begins.pop(event.client, FAR) <= newest
                is_under_way = is_earlier or newest >= event.asked
                both = is_under_way and _is_over(event.user, own.get(client, 0), upto, evidence)
                if event.how == "again" and not (both or _has_ended(*device, session, upto, evidence)):
                    yield f"{event.client} had to log in again at {event.time:.3f}"
                if event.session and event.session != session.get(device):
                    session[device], since[device] = event.session, event.time
                    first.setdefault(device, event.time)
                own[client] = event.session or own.get(client, 0)
            case Ended() if not event.sentence.startswith(right):
                came = first.get(device, FAR)
                is_new = begins.get(event.client, FAR) <= came and event.time - came < LOGIN_SECONDS
                about_codes = (BadCode.sentence, *([str(NameKept.of(name=event.user))] if is_new else []))
                if event.sentence in about_codes and _shows_codes(*device, upto, evidence):
                    continue
                if is_new and event.sentence in AT_THE_DOOR and _was_closed(upto, evidence):
                    continue
                if not (
                    _has_ended(*device, {} if event.each else session, upto, evidence)
                    or _is_over(event.user, own.get(client, 0), upto, evidence)
                    or _is_shut_out(event.user, upto, evidence)
                ):
                    yield f"{event.client} gave up at {event.time:.3f}: {event.sentence}"


def _has_ended(
    user: str, is_guest: bool, session: dict[tuple[str, bool], int], upto: int, evidence: Evidence
) -> bool:
    """Return whether the last known session on the device has ended; if none is known, one of its user's."""
    known = session.get((user, is_guest), 0)
    if known:
        return _is_over(user, known, upto, evidence)
    return any(ending.seq <= upto and ending.device is None for ending in evidence.endings.get(user, ()))


def _is_over(user: str, session: int, upto: int, evidence: Evidence) -> bool:
    """Return whether this session of the user is known, and has ended."""
    return session > 0 and evidence.end_of(user, session) <= upto


def _shows_codes(user: str, is_guest: bool, upto: int, evidence: Evidence) -> bool:
    """Return whether there was a code that they may have shown: for them, or for whoever has a new name."""
    codes = (entry.seq for entry in evidence.log if entry.kind == "code" and entry.to in ("", user))
    return is_guest or next(codes, FAR) <= upto


def _was_closed(upto: int, evidence: Evidence) -> bool:
    return any(entry.kind == "policy" and entry.text in CLOSED for entry in evidence.log[:upto])


def _is_shut_out(user: str, upto: int, evidence: Evidence) -> bool:
    return any(span.start - 1 <= upto for span in evidence.shut_out.get(user, ()))


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
    """What comes from a session that was ended is not in the log behind that, through whatever worker, and it
    is given nothing from behind that; nobody comes in by it once its end was acknowledged."""
    known: dict[int, float] = {}
    ends: dict[str, int] = {}
    for event in evidence.events:
        end = ends.get(event.client, FAR)
        match event:
            case LoggedIn():
                end = ends[event.client] = _end(event.client, event.user, event.session, evidence)
                if known.get(end, FAR) <= event.asked:
                    yield f"{event.client} came in at {event.time:.3f} by a session that ended at {end}"
            case Moved():
                ends.pop(event.client, None)
            case Acknowledged():
                if end < event.seq:
                    yield f"{event.client} did what stands at {event.seq}, and its session ended at {end}"
                known.setdefault(event.seq, event.time)
            case Took() | ChatBegun() | PageRead() | Heard() | HistoryHeard():
                if last := max((seq for seq in _given(event) if seq > end), default=0):
                    yield f"{event.client} was given {last}, and its session ended at {end}"


def _end(client: str, user: str, session: int, evidence: Evidence) -> int:
    """Return where the client's session ends: with a new secret of its own it goes on."""
    end = evidence.end_of(user, session)
    while (entry := evidence.entry(end)) is not None and entry.kind == "secret":
        draft = evidence.drafts.get((user, entry.key))
        if draft is None or draft.sent.client != client:
            break
        end = evidence.end_of(user, end)
    return end


def _given(event: Took | ChatBegun | PageRead | Heard | HistoryHeard) -> Iterator[int]:
    """Yield up to which seqs somebody was given something."""
    match event:
        case Took():
            yield event.entry.seq
        case ChatBegun():
            yield event.cursor
        case PageRead():
            yield from seqs_of(event.posts)
        case Heard():
            yield event.message.seq
        case HistoryHeard():
            yield from (message.seq for message in event.messages)


def who_is_shut_out_does_nothing(evidence: Evidence) -> Violations:
    """While somebody is banned from the cluster, or disabled, nothing of theirs is in the log; and what was
    open before gives them nothing from behind that."""
    spans = evidence.shut_out
    for entry in evidence.log:
        if any(entry.seq in span for span in spans.get(entry.user, ())):
            yield f"{entry.user}, who was shut out, did what stands at {entry.seq}"
    begun: dict[str, int] = {}
    for event, upto in zip(evidence.events, evidence.latest, strict=True):
        match event:
            case LoggedIn():
                begun[event.client] = upto
            case Lost() | Moved() | Stopped() | Ended():
                begun.pop(event.client, None)
            case Took() | ChatBegun() | PageRead() | Heard() | HistoryHeard():
                # What was open when there was nothing of this in the log yet.
                since = begun.get(event.client, FAR)
                end = min(
                    (span.start - 1 for span in spans.get(event.user, ()) if span.start > since), default=FAR
                )
                if since < end and (last := max((seq for seq in _given(event) if seq > end), default=0)):
                    yield f"{event.client} was given {last}, and was shut out at {end}"


def codes_are_used_as_often_as_they_say(evidence: Evidence) -> Violations:
    """Each entry that shows a code stands behind the one that made it, is by whom it is for, and they are no
    more than may use it; but for one of a device, who made it is the cluster, or still an admin who can come
    in; nobody registers without one where the policy wants one, nor without one for that name where it lets
    nobody in. Each recovery code is used once, and not behind newer ones, nor another new secret."""
    left: dict[str, tuple[int, str, str]] = {}
    recovering = _Recovering()
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
        elif entry.kind == "code" and recovering.makes(entry):
            pass
        elif entry.kind == "code":
            hashed, uses = entry.text.split(" ")
            if not (entry.room[:1] == "&" and left.get(hashed, (0, ""))[0] > 0):  # else it is one more room
                _void(left, entry.to)
                left[hashed] = int(uses), entry.to, entry.user
        elif entry.kind == "revoke":
            _void(left, entry.to)
        code = "" if entry.more is None else entry.more.code
        if recovering.takes(entry, code):
            code = ""
        if code:
            good, whose, maker = left.get(code, (0, "", ""))
            is_vouched_for = maker in admins - shut_out or (entry.kind, maker) == ("session", entry.user)
            if good < 1 or whose not in ("", entry.user):
                yield f"the {entry.kind} at {entry.seq} is by a code that is good no longer, or for another"
            elif not is_vouched_for:
                yield f"the {entry.kind} at {entry.seq} is by a code of {maker}, who is no admin any more"
            if entry.kind == "register" and signup == "closed" and whose != entry.user:
                yield f"{entry.user} was registered at {entry.seq} by an invitation, and nobody was let in"
            left[code] = good - 1, whose, maker
        elif entry.kind == "register" and signup != "open":
            yield f"{entry.user} was registered at {entry.seq} without a code"
        if entry.kind in ("register", "secret"):
            _void(left, entry.user)


class _Recovering:
    """The recovery codes of each user that are good, as the log goes on. They end with the secret for which
    they were made, and that one may be random, and end with its session."""

    def __init__(self) -> None:
        self._good: dict[str, set[str]] = {}
        self._random: dict[str, int] = {}
        self._on: dict[tuple[str, str], int] = {}

    def makes(self, entry: Entry) -> bool:
        """Return whether an entry makes such codes: then there are no others."""
        codes = entry.text.split(" ")
        if len(codes) < 3:
            return False
        self._good[entry.to] = {*codes}
        return True

    def takes(self, entry: Entry, code: str) -> bool:
        """Take any entry; return whether it is by such a code, which is good."""
        good, device = self._good.get(entry.user, set()), "" if entry.more is None else entry.more.device
        is_by_one = entry.kind == "secret" and code in good
        match entry.kind:
            case "register" | "secret":
                self._good[entry.user] = good - {code} if is_by_one else set()
                self._random.pop(entry.user, None)
                if entry.text.startswith("sha256:"):
                    self._random[entry.user] = entry.seq
                self._on[entry.user, device] = entry.seq
            case "session":
                self._ends(entry.user, self._on.get((entry.user, device), FAR))
                self._on[entry.user, device] = entry.seq
            case "revoke":
                self._ends(entry.to, int(entry.text))
            case "forget":
                self._good.pop(entry.to, None)
        return is_by_one

    def _ends(self, user: str, session: int) -> None:
        """A session ends, and a random secret with the one that it began; 0: all of them, and any secret."""
        if not session or self._random.get(user) == session:
            self._good.pop(user, None)
            self._random.pop(user, None)


def _void(codes: dict[str, tuple[int, str, str]], user: str) -> None:
    """Of the codes for one user alone the last one is good, until they come in by something else."""
    for code, (_, whose, maker) in list(codes.items()):
        if user and whose == user:
            codes[code] = 0, whose, maker


def _is_a_guest(client: str) -> bool:
    """Return whether it runs on a device that its user has let in by a code, for a while."""
    return client.partition("/")[0].endswith("++")
