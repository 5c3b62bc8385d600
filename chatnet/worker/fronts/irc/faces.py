"""How users are shown on this front: their nick, whom their lines come from, their real name; and who is a
guest. Pure.

It follows the log: what an entry says holds from that entry on. The log's store is asked once for what was
said before this front began.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chatnet.entries import Entry
from chatnet.faces import Face, face_of
from chatnet.names import GUEST, is_guest
from chatnet.reads import ShownFace

USER, GUESTS = "user", "guest"
"""The hosts of all users, and of all guests: nobody's address is shown."""
KINDS = frozenset({"spelling", "guest", "nick", "gone", "forget"})
"""The kinds that change how somebody is shown."""


class Faces:
    """How everybody is shown. Who has said nothing is shown by the one spelling of their name."""

    __slots__ = ("_faces", "_guests", "_sources", "_touched")

    def __init__(self) -> None:
        self._faces: dict[str, Face] = {}
        self._sources: dict[str, str] = {}
        self._guests: dict[str, int] = {}
        self._touched: dict[str, int] | None = {}  # None: what was before is known

    def __contains__(self, user: str) -> bool:
        """Whether anything is known of how a user is shown; of a guest: whether they are here."""
        return user in self._faces

    @property
    def are_known(self) -> bool:
        """Whether all are known who have said how they are shown."""
        return self._touched is None

    def face(self, user: str) -> Face:
        """Return how a user is shown."""
        return self._faces.get(user) or self.unsaid(user)

    @staticmethod
    def unsaid(user: str) -> Face:
        """Return how a user is shown who has said nothing of it."""
        return Face(user.removeprefix(GUEST), "", "")

    def nick(self, user: str) -> str:
        """Return the nick of a user, as they spell it."""
        face = self._faces.get(user)
        return user.removeprefix(GUEST) if face is None else face.spelled

    def real_name(self, user: str) -> str:
        """Return what a user says they are called; their nick, if they say nothing."""
        face = self._faces.get(user)
        return self.nick(user) if face is None or not face.real_name else face.real_name

    def ident(self, user: str) -> str:
        """Return what stands between the nick and the host."""
        return ident_of(self.face(user), user)

    def source(self, user: str) -> str:
        """Return whom a line comes from that is of a user: the same live, echoed and in histories."""
        return self._sources.get(user) or self._source(user)

    def _source(self, user: str) -> str:
        return source_of(self.face(user), user)

    def user_of(self, nick: str) -> str:
        """Return the user with a (folded) nick: a guest who is here, or whoever has the name."""
        return GUEST + nick if GUEST + nick in self._faces else nick

    def guests(self) -> Iterator[str]:
        """Yield the guests who are here."""
        return iter(list(self._guests))

    def here_at(self, user: str) -> int:
        """Return a seq at which a guest was here whom this front knows to be here; 0 of everybody else. Who
        comes later by the name is somebody else."""
        return self._guests.get(user, 0)

    # ---- what changes it ----

    def follow(self, entry: Entry) -> None:
        """Take an entry of one of :data:`KINDS`."""
        match entry.kind:
            case "nick":
                self._drop(entry.user, entry.seq)
                self._show(entry.to, entry.text, entry.seq)
            case "gone" | "forget":
                self._drop(entry.to, entry.seq)
            case _:
                self._show(entry.user, entry.text, entry.seq)

    def begin(self) -> None:
        """Know nobody: another log is followed from now on, or one that was put back."""
        self._faces.clear()
        self._sources.clear()
        self._guests.clear()
        self._touched = {}

    def begun(self, before: Iterable[ShownFace]) -> None:
        """Take what was said before this front began; what it has followed since is newer."""
        for one in before:
            if self._touched is None or one.user not in self._touched:
                self._show(one.user, one.text, one.seq)

    def end(self) -> None:
        """Nothing more was said before."""
        self._touched = None

    def _show(self, user: str, text: str, seq: int) -> None:
        self._touch(user, seq)
        if text:
            self._faces[user] = face_of(text)
            self._sources[user] = self._source(user)
        if is_guest(user) and user in self._faces:
            self._guests[user] = seq

    def _drop(self, user: str, seq: int) -> None:
        self._touch(user, seq)
        self._faces.pop(user, None)
        self._sources.pop(user, None)
        self._guests.pop(user, None)

    def _touch(self, user: str, seq: int) -> None:
        if self._touched is not None:
            self._touched[user] = seq


def ident_of(face: Face, user: str) -> str:
    """Return what stands between the nick and the host of a user who is shown so."""
    return GUEST + (face.ident or GUESTS) if is_guest(user) else user


def source_of(face: Face, user: str) -> str:
    """Return whom a line comes from that is of a user who is shown so."""
    return f"{face.spelled}!{ident_of(face, user)}@{host(user)}"


def host(user: str) -> str:
    """Return the host of a user."""
    return GUESTS if is_guest(user) else USER


def account(user: str) -> str:
    """Return the account of a user; of a guest, ``*``."""
    return "*" if is_guest(user) else user
