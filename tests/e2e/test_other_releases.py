"""Machines of every release the lab knows: apt of each takes the repositories, and Docker and the kubelet run there."""

from __future__ import annotations

import pytest

from provisioner.labs.spec import RELEASES
from provisioner.sources.versions import upstream
from tests.conftest import Tally
from tests.e2e.ground import Settings, ground
from tests.e2e.machines import need_containers
from tests.repositories.site import DOCKER_VERSIONS, Site, make_site

pytestmark = pytest.mark.e2e

CASES = "package source cases tried"
# Bookworm is what all other tests run on. The oldest comes first: what runs there runs on all.
OTHERS = ("bullseye", "jammy", "trixie", "noble")


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Site:
    need_containers()
    return make_site(tmp_path_factory.mktemp("site"), OTHERS)


def test_none_is_forgotten() -> None:
    assert {*OTHERS, "bookworm"} == set(RELEASES)


@pytest.mark.parametrize("release", OTHERS)
def test_packages_are_installed_and_docker_runs(sites: Site, release: str, tally: Tally) -> None:
    tally(CASES, 1)
    with ground(f"e2e-{release}", sites, release) as here:
        expired = here.packages("apply", package_source=here.kubernetes(key=None))
        assert expired.code == 3, expired
        assert "expired" in expired.stdout
        wished: Settings = {"runtime": here.docker(upstream(DOCKER_VERSIONS[release][-1]))}
        done = here.packages("apply", **wished)
        assert done.code == 0, done
        held = here.held("cp1")
        assert held["docker-ce"] == DOCKER_VERSIONS[release][-1]
        assert {"kubelet", "kubeadm", "kubectl", "containerd.io", "docker-ce-cli"} <= set(held)
        shown = here.world.shell("cp1", "docker info --format '{{.CgroupDriver}}'; kubeadm version -o short")
        assert shown.split() == ["systemd", "v1.20.2"]
        update = here.world.shell("cp1", "apt-get update 2>&1")
        assert [line for line in update.splitlines() if line[:2] in ("W:", "E:")] == []
        again = here.packages("apply", **wished)
        assert (again.code, again.changed) == (0, []), again
