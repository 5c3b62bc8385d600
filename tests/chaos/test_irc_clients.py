"""Real IRC clients, with the settings of docs/irc.md, feel nothing of any death but their own front's."""

from __future__ import annotations

from pathlib import Path

import pytest

from rigs.irc_clients.client import NoClient
from rigs.irc_clients.irssi import Irssi
from rigs.irc_clients.limnoria import Limnoria
from rigs.irc_clients.sopel import Sopel
from rigs.irc_clients.stage import Stage
from rigs.irc_clients.weechat import WeeChat


def test_irc_clients_hear_all_once_and_in_order(tmp_path: Path) -> None:
    """Each keeps its TCP connection when a replica, a worker and the primary are killed, and waits for a post
    no longer than a client of chatnet's own. When its front is killed it comes back by itself, and misses
    nothing; what was said last is read back by asking. Bots answer nothing that was said before they came.

    ``python -m rigs.irc_clients`` is the long run.
    """
    try:
        with Stage(tmp_path / "cluster", (Irssi, WeeChat, Limnoria, Sopel), lambda _: None).open() as stage:
            for kind in ("replica", "worker", "primary"):
                stage.kill(kind)
            stage.kill_fronts()
            stage.read_back()
            wrong = stage.judge()
    except NoClient as lack:
        pytest.fail(str(lack), pytrace=False)
    assert not wrong, "\n".join(wrong)
