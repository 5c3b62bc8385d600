"""Which identity is for which cluster: that of its log, and only where it was used before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from chatnet.addresses import Address
from chatnet.client.identity import Identity
from chatnet.world import Files

QUESTION = (
    "{here} says that it is the cluster that you know at {there}. Is it? Whoever only pretends to be it "
    "would be given what proves that you are {name}. (y/n)"
)
UNKNOWN = (
    "{here} says that it is the cluster that you know at {there}. If it is, start with --same-cluster; if "
    "not, somebody there pretends to be it."
)


class Identities:
    """Those of one user, of whatever log is behind ``masters``, which the user named together.

    A log's id is no secret: any port can claim it. So an identity is shown through a master where it was used
    before, or beside one of those; elsewhere once the user has said that it is the ``same_cluster``. A new
    identity gets a random secret if ``makes_secret``.
    """

    def __init__(
        self,
        files: Files,
        directory: Path,
        masters: Sequence[Address],
        name: str,
        entropy: Callable[[int], bytes],
        makes_secret: bool = True,
        same_cluster: bool = False,
        kind: type[Identity] = Identity,
    ) -> None:
        self.name = name
        self._files, self._directory, self._entropy = files, directory, entropy
        self._masters = list(masters)
        self._makes_secret = makes_secret
        self._same_cluster = same_cluster
        self._kind = kind

    def of(self, log_id: str, master: Address) -> Identity:
        """The one for the log that ``master`` says it has: from its file, or a new one.

        :raises CannotStart: the file cannot be read or made; the sentence says why.
        """
        identity = self._kind(self._files, self._directory, log_id, self.name, self._entropy)
        identity.open(master, self._makes_secret)
        return identity

    def may_show(self, identity: Identity) -> bool:
        """May it be shown to whom the masters lead?"""
        return self._same_cluster or not identity.addresses or identity.was_used_at(self._masters)

    def are_of_one_cluster(self) -> None:
        """The user says that the masters are of the cluster that they know."""
        self._same_cluster = True

    def ask(self, sentence: str, identity: Identity, master: Address) -> str:
        """:data:`QUESTION` or :data:`UNKNOWN`, filled in."""
        return sentence.format(here=master, there=", ".join(identity.addresses), name=self.name)
