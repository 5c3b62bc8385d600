"""The page of real processes, as another machine sees it: by TLS alone, and until its machine is drained."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from machines.test_remote_workers import Cluster

from rigs.machines import Host, Network
from rigs.processes import wait_until


class OpenCluster(Cluster):
    """A cluster whose page everybody may open."""

    def environ(self) -> dict[str, str]:
        return super().environ() | {"CHATNET_WEB": "0.0.0.0:8080"}


def curl(host: Host, url: str, *options: str) -> tuple[str, str]:
    """Return the status of what ``host`` is answered, and where it is sent; status 000 for no answer."""
    shown = "%{http_code} %{redirect_url}"
    command = ["curl", "-sk", "--max-time", "5", "-o", "/dev/null", "-w", shown, *options, url]
    _, said = host.run(command)
    status, _, location = said.partition(" ")
    return status, location


def test_another_machine_comes_by_tls(network: Network, tmp_path: Path) -> None:
    """A page is sent to where TLS is spoken, and a program refused; a master's port leads there. A machine
    that is drained answers nobody, and the others go on."""
    cluster = OpenCluster(network, tmp_path)
    cluster.start()
    alpha, beta, gamma = (network[name] for name in ("alpha", "beta", "gamma"))
    for host in (alpha, beta):
        wait_until(f"all serve on {host.name}", partial(_serves, gamma, host))
        plain = f"http://{host.address}:8080"
        assert curl(gamma, f"{plain}/a?b") == ("308", f"https://{host.address}:8080/a?b")
        assert curl(gamma, f"{plain}/api/v1/about") == ("403", "")
        assert curl(host, "http://127.0.0.1:8080/readyz") == ("200", "")
    assert curl(gamma, f"http://{alpha.address}:64480/") == ("302", f"https://{alpha.address}:8080/")
    assert f"Page: https://{alpha.address}:8080\nPage: https://{beta.address}:8080" in _status(cluster)
    assert cluster.operate("drain", "beta")[0] == 0
    assert curl(gamma, f"https://{beta.address}:8080/healthz") == ("000", "")
    assert _serves(gamma, alpha)


def _serves(asks: Host, host: Host) -> bool:
    return {curl(asks, f"https://{host.address}:8080/readyz") for _ in range(3)} == {("200", "")}


def _status(cluster: Cluster) -> str:
    return cluster.operate("status")[1]
