"""Where the page of the cluster is, for users and operators. Pure."""

from __future__ import annotations

from chatnet.addresses import Address, is_local, plain
from chatnet.web_options import EVERYWHERE
from chatnet.wire.operate import Page


def page_at(place: Address, host: str, machine: str, in_plain: bool) -> Page:
    """Return the page that is at ``place`` of ``machine``, for somebody who finds that machine at ``host``.

    ``in_plain``: other machines get it without TLS.
    """
    if is_local(place.host):
        return Page(f"http://localhost:{place.port}", machine)
    where = Address(plain(host) if place.host in EVERYWHERE else place.host, place.port)
    scheme = "http" if in_plain or is_local(where.host) else "https"
    return Page(f"{scheme}://{where}")
