"""CERT: the certificates by which a user logs in (SASL EXTERNAL), each a device of its own.

The log keeps them as it keeps the secrets of devices: the cluster makes a code that nobody sees, and with it
the session of the certificate begins. So they are in the list of the user's devices, and end as these do: by
CERT DEL, by REVOKE, by a new secret.

Who adds one has shown the account's secret on this connection, since no other login lets in who shows a
certificate that is not registered; and has its key, since it is the one of this connection.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING

from chatnet.codes import code_text
from chatnet.credentials import SECRET_BYTES, certificate_credential, is_of_certificate
from chatnet.entries import Draft, More
from chatnet.form import MAX_LABEL
from chatnet.irc import times, writer
from chatnet.irc.sasl import login_of
from chatnet.log import Refused
from chatnet.names import is_guest
from chatnet.net.tls import shown_name
from chatnet.reads import AccountOf, Device, UsedDevice
from chatnet.worker.fronts.irc.command import Command, Pace
from chatnet.worker.logins import device_of, refusal
from chatnet.worker.whose import check_whole

if TYPE_CHECKING:
    from chatnet.irc.lines import Line
    from chatnet.worker.fronts.irc.answers import Slot
    from chatnet.worker.fronts.irc.client import IrcClient

SHOWN = 12
"""By so many of the first digits of its fingerprint a certificate is called."""
_NAMED = re.compile(rf"certificate ([0-9a-f]{{{SHOWN}}})(?: .*)?")
_NONE = "This connection shows no certificate: connect by TLS, with one that your client was given."
_CHANGED = 9
"""For so many lines more counts what changes the log."""


def label_of(fingerprint: bytes, device: str) -> str:
    """Return what the device is called that a certificate is, which was registered on ``device``."""
    return f"certificate {fingerprint.hex()[:SHOWN]} {device}"[:MAX_LABEL].rstrip()


async def cert(client: IrcClient, slot: Slot, line: Line) -> None:
    """Register the certificate of this connection, list the user's, or remove one."""
    asked = line.params[0].upper() if line.params else "LIST"
    if is_guest(client.user):
        client.fail(
            slot,
            "CERT",
            "NOT_LOGGED_IN",
            "Log in first: a certificate is for an account.",
            writer.word(asked),
        )
    elif asked == "ADD":
        await _add(client, slot)
    elif asked == "LIST":
        await _list(client, slot)
    elif asked == "DEL":
        await _remove(client, slot, line.params[1] if len(line.params) > 1 else "")
    else:
        sentence = "Say CERT ADD, CERT LIST, or CERT DEL and the first digits of its fingerprint."
        client.fail(slot, "CERT", "UNKNOWN_ACTION", sentence)


async def _add(client: IrcClient, slot: Slot) -> None:
    fingerprint, session = client.fingerprint, client.session
    if not fingerprint:
        client.fail(slot, "CERT", "NO_CERTIFICATE", _NONE, "ADD")
        return
    check_whole(session)
    device = device_of(fingerprint)
    there = await _there(client, device)
    if there is None or not is_of_certificate(there.credential, fingerprint):
        client.charge(_CHANGED)
        await _begin(client, device, fingerprint)
    sentence = f"SASL EXTERNAL logs you in by this certificate from now on: {_spelled(fingerprint)}"
    slot.say(client.notice(sentence))
    named = login_of(shown_name(client.connection.transport))
    if named is None or named.name != client.user:
        slot.say(
            client.notice(f"A client that says its nick after SASL (irssi) needs one with CN={client.user}.")
        )


async def _there(client: IrcClient, device: str) -> Device | None:
    queue = client.session.reads.turn()
    async with queue:
        account = await queue.read(client.sessions.log.read, AccountOf(client.user, device))
    return None if account is None else account.device


async def _begin(client: IrcClient, device: str, fingerprint: bytes) -> None:
    """Append what registers the certificate.

    :raises ChatnetError: the log refuses it.
    """
    session, user = client.session, client.user
    code = sha256(client.front.settings.entropy(SECRET_BYTES)).hexdigest()
    drafts, to = session.drafts, More(to=user)
    await client.drafts.append(lambda key: drafts.order(key, "code", None, code_text(code, 1), to))
    more = More(device=device, label=label_of(fingerprint, session.device.label), code=code)
    text = certificate_credential(fingerprint)
    draft = Draft("session", user, user, text, client.drafts.key(), 0, more)
    [outcome] = await client.sessions.log.append([draft])
    if isinstance(outcome, Refused):
        raise refusal(outcome)


async def _list(client: IrcClient, slot: Slot) -> None:
    found = await _certificates(client)
    for digits, one in found.items():
        what = " ".join([digits, *one.device.label.split(" ")[2:]])
        slot.say(client.notice(f"{what}, since {times.shown(one.since)}"))
    slot.say(
        client.notice(f"These are your certificates: {len(found)}. CERT DEL and its digits removes one.")
    )


async def _certificates(client: IrcClient) -> dict[str, UsedDevice]:
    """Return the user's certificates by the digits that they are called by."""
    found = {}
    for one in await client.session.reads.devices():
        if (named := _NAMED.fullmatch(one.device.label)) is not None:
            found[named[1]] = one
    return found


async def _remove(client: IrcClient, slot: Slot, said: str) -> None:
    digits = said.replace(":", "").lower()[:SHOWN]
    one = (await _certificates(client)).get(digits)
    if one is None:
        sentence = f"You have no certificate that begins with these {SHOWN} digits: see CERT LIST."
        client.fail(slot, "CERT", "NO_SUCH_CERTIFICATE", sentence, "DEL")
        return
    client.charge(_CHANGED)
    drafts, to = client.session.drafts, More(to=client.user)
    seq = str(one.device.seq)
    await client.drafts.append(lambda key: drafts.order(key, "revoke", None, seq, to))
    slot.say(client.notice(f"Nobody is {client.user} by the certificate {digits} any more."))


def _spelled(fingerprint: bytes) -> str:
    """Return a fingerprint as other programs print it."""
    return fingerprint.hex(":").upper()


COMMANDS = {"CERT": Command(cert, 0, Pace.ALONE)}
