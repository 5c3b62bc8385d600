"""Which identity belongs to which cluster: the one of its log, shown only where it was used before."""

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
ANOTHER = (
    "Another cluster than before is at {here}, and you are new there, as {name}; who you are in the one "
    "before is kept for when that is back."
)


class Identities:
    """The identities of one user, in whatever log is behind ``masters``, which the user named together.

    A log's id is not secret: any port can claim it. So an identity is shown only to a master where it was
    used before, or one named together with such a master; elsewhere only after the user has said that it is
    the ``same_cluster``. A new identity gets a random secret if ``makes_secret``. ``label`` is what the user
    calls this device.
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
        label: str = "",
    ) -> None:
        self.name, self.label, self.entropy = name, label, entropy
        self._files, self._directory = files, directory
        self._masters = list(masters)
        self._makes_secret = makes_secret
        self._same_cluster = same_cluster
        self._kind = kind

    def of(self, log_id: str, master: Address) -> Identity:
        """Return the identity for the log that ``master`` claims to have: from its file, or a new one.

        :raises CannotStart: the file cannot be read or made; the sentence says why.
        """
        identity = self._kind(self._files, self._directory, log_id, self.name, self.entropy)
        identity.open(master, self._makes_secret)
        return identity

    def may_show(self, identity: Identity) -> bool:
        """Return whether it may be shown to those whom the masters name."""
        return self._same_cluster or not identity.addresses or identity.was_used_at(self._masters)

    def is_another_cluster(self, identity: Identity, master: Address) -> bool:
        """Return whether ``identity`` was never accepted, but one of this name by another cluster that was at
        ``master``, as where a server has been started on other data."""
        if identity.is_accepted:
            return False
        try:
            logs = [log.name for log in self._files.children(self._directory / "identities")]
        except OSError:
            return False
        others = [
            self._kind(self._files, self._directory, log, self.name, self.entropy)
            for log in logs
            if log != identity.log_id
        ]
        for other in others:
            other.reread()
        return any(other.is_accepted and other.was_used_at([master]) for other in others)

    def are_of_one_cluster(self) -> None:
        """Note that the user says the masters belong to the cluster that they know."""
        self._same_cluster = True

    def ask(self, sentence: str, identity: Identity, master: Address) -> str:
        """Return :data:`QUESTION`, :data:`UNKNOWN` or :data:`ANOTHER`, filled in."""
        return sentence.format(here=master, there=", ".join(identity.addresses), name=self.name)
