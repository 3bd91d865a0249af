"""Packages installed from real, signed repositories: what was there before gives way, versions go up and down and stay
held, a key that has expired on the machine is renewed, and what arrives damaged is not installed.
"""

from __future__ import annotations

import pytest

from tests.conftest import Tally
from tests.e2e.ground import Ground, Settings
from tests.repositories.server import damage

pytestmark = pytest.mark.e2e

CASES = "package source cases tried"
FIRST, SECOND = (f"5:20.10.{patch}~3-0~debian-bookworm" for patch in (23, 24))
KUBERNETES = {"kubeadm": "1.20.2-1.1", "kubectl": "1.20.2-1.1", "kubelet": "1.20.2-1.1", "kubernetes-cni": "1.1.1-1.1"}
LEGACY = {"kubeadm": "1.20.2-00", "kubectl": "1.20.2-00", "kubelet": "1.20.2-00", "kubernetes-cni": "0.8.7-00"}

# Docker of the distribution, a dead source, one with another key for the same address, a directory only root can read.
FORMER = """
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends docker.io >/dev/null 2>&1
apt-mark hold docker.io containerd >/dev/null
echo 'deb https://apt.kubernetes.io/ kubernetes-xenial main' >/etc/apt/sources.list.d/kubernetes.list
echo 'deb [signed-by=/usr/share/keyrings/tests.asc] {docker} bookworm stable' >/etc/apt/sources.list.d/docker.list
umask 077
mkdir -p /etc/apt/keyrings
chmod 700 /etc/apt/keyrings
echo old >/etc/apt/keyrings/docker.asc
"""


def docker(version: str) -> dict[str, str]:
    return {"containerd.io": "1.6.20-1", "docker-ce": version, "docker-ce-cli": version}


def test_what_was_there_before_gives_way(sources: Ground, tally: Tally) -> None:
    tally(CASES, 1)
    sources.world.shell("cp1", FORMER.replace("{docker}", f"{sources.server.address}/docker/linux/debian"))
    runtime = sources.docker("20.10.23")
    done = sources.packages("apply", "--limit", "cp1", runtime=runtime)
    assert done.code == 0, done
    titles = "\n".join(title for _, title in done.changed)
    assert "remove other sources of kubernetes: /etc/apt/sources.list.d/kubernetes.list" in titles
    assert "remove other sources of docker: /etc/apt/sources.list.d/docker.list" in titles
    assert sources.held("cp1") == {**docker(FIRST), **KUBERNETES, "cri-tools": "1.20.0-1.1"}
    update = sources.world.shell("cp1", "apt-get update 2>&1; dpkg -l docker.io containerd runc 2>&1 | grep ^ii || :")
    assert [line for line in update.splitlines() if line[:2] in ("W:", "E:", "ii")] == []
    assert sources.world.shell("cp1", "docker info --format '{{.CgroupDriver}}'").strip() == "systemd"
    again = sources.packages("apply", "--limit", "cp1", runtime=runtime)
    assert (again.code, again.changed) == (0, []), again


def test_what_arrives_damaged_is_not_installed_and_the_next_run_goes_on(sources: Ground, tally: Tally) -> None:
    tally(CASES, 1)
    with sources.server.answering("docker/*/docker-ce_20.10.24*.deb", damage):
        failed = sources.packages("apply", "--limit", "cp1")
    assert failed.code == 5, failed
    assert "does not match its checksum" in failed.stdout
    assert sources.held("cp1")["docker-ce"] == FIRST
    done = sources.packages("apply", "--limit", "cp1")
    assert done.code == 0, done
    assert docker(SECOND).items() <= sources.held("cp1").items()


def test_a_package_goes_down_again_and_the_key_is_renewed(sources: Ground, tally: Tally) -> None:
    tally(CASES, 1)
    expired = sources.site.keys["docker"].expired
    sources.world.shell("cp1", f"cat >/etc/apt/keyrings/docker.asc <<'END'\n{expired}END\n")
    done = sources.packages("apply", "--limit", "cp1", runtime=sources.docker("20.10.23"))
    assert done.code == 0, done
    assert docker(FIRST).items() <= sources.held("cp1").items()
    assert ("cp1", "change /etc/apt/keyrings/docker.asc") in done.changed


@pytest.mark.parametrize("damaged", ["chmod 600 /etc/apt/keyrings/kubernetes.asc", "chmod 700 /etc/apt/keyrings"])
def test_a_key_that_apt_cannot_read_is_opened(sources: Ground, damaged: str, tally: Tally) -> None:
    tally(CASES, 1)
    sources.world.shell("cp1", damaged)
    done = sources.packages("apply", "--limit", "cp1", runtime=sources.docker("20.10.23"))
    assert (done.code, len(done.changed)) == (0, 1), done
    update = sources.world.shell("cp1", "rm -r /var/lib/apt/lists; apt-get update 2>&1")
    assert [line for line in update.splitlines() if line[:2] in ("W:", "E:")] == []


def test_the_layout_of_old(sources: Ground, tally: Tally) -> None:
    """And the newest Docker that is there, as no version is named."""
    tally(CASES, 1)
    desired: Settings = {"package_source": sources.legacy(), "runtime": sources.docker(None)}
    done = sources.packages("apply", "--limit", "w1", **desired)
    assert done.code == 0, done
    assert sources.held("w1") == {**docker(SECOND), **LEGACY, "cri-tools": "1.13.0-01"}
    again = sources.packages("apply", "--limit", "w1", **desired)
    assert (again.code, again.changed) == (0, []), again


def test_through_a_proxy(sources: Ground, tally: Tally) -> None:
    tally(CASES, 1)
    url = "http://packages.example/docker/linux"
    runtime = sources.docker("20.10.23", url=url)
    proxy = {"http": sources.server.address}
    desired: Settings = {"package_source": sources.legacy(), "runtime": runtime, "proxy": proxy}
    done = sources.packages("apply", "--limit", "w1", **desired)
    assert done.code == 0, done
    assert docker(FIRST).items() <= sources.held("w1").items()
    assert "packages.example/docker/linux/debian/gpg" in sources.server.proxied
    again = sources.packages("apply", "--limit", "w1", **desired)
    assert (again.code, again.changed) == (0, []), again
