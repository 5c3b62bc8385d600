"""What browsers are told at a master's port: where the page is, or how to open it. Pure.

Nothing here is secret, so it is said without TLS to other machines, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chatnet.net.one_answer import Said
from chatnet.wire.operate import Page

Pages = Callable[[str], Sequence[Page]]
"""Returns where the page is, for somebody who reached this host at the host that is given."""


def answer(pages: Sequence[Page], is_here: bool) -> Said:
    """Return what a browser is told; ``is_here``: it is on this machine."""
    for page in pages:
        if is_here or not page.only_on:
            return Said(302, f"The page is at {page.url}", page.url + "/")
    for page in pages:
        port = page.url.rpartition(":")[2]
        return Said(
            404,
            f"The page is open on {page.only_on} alone, at {page.url}. To open it to others, start chatnet "
            f"with --web 0.0.0.0:{port}; or go there by: ssh -L {port}:localhost:{port} {page.only_on}",
        )
    return Said(
        404, "This is a chatnet master, for twistd chat-client. There is no page: see its option --web."
    )
