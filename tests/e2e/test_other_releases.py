"""Machines of every release the lab knows: apt of each takes the repositories, containerd of each of its lines reads
the file that it gets, and then Docker takes its place, with the kubelet beside it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator

import pytest

from provisioner.catalog import containerd as catalog
from provisioner.labs.spec import RELEASES
from provisioner.resources.daemons import Setting
from provisioner.runtimes.containerd import CONFIG
from provisioner.sources.versions import upstream
from tests.conftest import Tally
from tests.e2e.ground import Ground, Settings, ground
from tests.e2e.machines import need_containers
from tests.e2e.world import Said, provisioner
from tests.repositories.site import DOCKER_VERSIONS, Site, make_site

pytestmark = pytest.mark.e2e

Record = Callable[[str, object], None]
CASES = "package source cases tried"
RUNTIME_ONLY = ("--only", "machine", "--only", "container-runtime")
# Bookworm is what all other tests run on. The oldest comes first: what runs there runs on all.
USUAL, OTHERS = "bookworm", ("bullseye", "jammy", "trixie", "noble")
# The kubelet's interface under its name up to 1.7, and from 2.0 on.
INTERFACES = ("io.containerd.grpc.v1 cri", "io.containerd.cri.v1 runtime")


@pytest.fixture(scope="module")
def all_sites(tmp_path_factory: pytest.TempPathFactory) -> Site:
    need_containers()
    return make_site(tmp_path_factory.mktemp("site"), (USUAL, *OTHERS))


@pytest.fixture(scope="module", params=OTHERS)
def here(request: pytest.FixtureRequest, all_sites: Site) -> Iterator[Ground]:
    """One machine of each release in turn."""
    with ground(f"e2e-{request.param}", all_sites, request.param) as made:
        yield made


def test_none_is_forgotten() -> None:
    assert {*OTHERS, USUAL} == set(RELEASES)


def test_containerd_of_dockers_repository(all_sites: Site, tally: Tally, record_property: Record) -> None:
    """It brings a file of its own that turns the kubelet's interface off; ours stays."""
    tally(CASES, 1)
    with ground(f"e2e-containerd-{USUAL}", all_sites, USUAL) as here:
        reads_what_it_is_given(here, here.docker()["source"], "containerd.io", record_property)


def test_containerd_of_the_distribution(here: Ground, tally: Tally, record_property: Record) -> None:
    tally(CASES, 1)
    reads_what_it_is_given(here, {"type": "distribution"}, "containerd", record_property)


def test_docker_takes_its_place_and_packages_are_held(here: Ground, tally: Tally) -> None:
    tally(CASES, 1)
    expired = here.packages("apply", package_source=here.kubernetes(key=None))
    assert expired.code == 3, expired
    assert "expired" in expired.stdout
    newest = DOCKER_VERSIONS[release(here)][-1]
    desired: Settings = {"runtime": here.docker(upstream(newest))}
    done = here.packages("apply", **desired)
    assert done.code == 0, done
    held = here.held("cp1")
    assert held["docker-ce"] == newest
    assert {"kubelet", "kubeadm", "kubectl", "containerd.io", "docker-ce-cli"} <= set(held)
    shown = here.world.shell("cp1", "docker info --format '{{.CgroupDriver}}'; kubeadm version -o short")
    assert shown.split() == ["systemd", "v1.20.2"]
    update = here.world.shell("cp1", "apt-get update 2>&1")
    assert [line for line in update.splitlines() if line[:2] in ("W:", "E:")] == []
    again = here.packages("apply", **desired)
    assert (again.code, again.changed) == (0, []), again


def release(here: Ground) -> str:
    return here.world.shell("cp1", ". /etc/os-release; echo $VERSION_CODENAME").strip()


def reads_what_it_is_given(here: Ground, source: Settings, package: str, record_property: Record) -> None:
    done = containerd(here, source)
    assert done.code == 0, done
    held, shell = here.held("cp1"), here.world.shell
    line = catalog.nearest(upstream(held[package]))
    record_property("tally", (f"containerd {line.series} on {release(here)}", 1))
    assert not {"docker.io", "docker-ce"} & held.keys()
    assert tomllib.loads(shell("cp1", f"cat {CONFIG}"))["version"] == line.config
    told, keys = tomllib.loads(shell("cp1", "containerd config dump")), catalog.keys(line.config)
    assert told["disabled_plugins"] == []
    driver = True if line.tells_driver else None
    for path, desired in ((keys.systemd_cgroup, driver), (keys.sandbox, "k8s.gcr.io/pause:3.2")):
        assert Setting("x", path, "").found(told) == desired
    loaded = [" ".join(row.split()) for row in shell("cp1", "ctr plugins ls").splitlines()]
    states = [row.split()[-1] for row in loaded if row.startswith(INTERFACES)]
    assert states == ["ok"], loaded
    again = containerd(here, source)
    assert (again.code, again.changed) == (0, []), again


def containerd(here: Ground, source: Settings) -> Said:
    """containerd alone, on machines that belong to no cluster."""
    runtime = {"type": "containerd", "source": source, "registry_mirrors": ["https://mirror.example"]}
    path = here.inventory("containerd.yaml", runtime=runtime)
    return provisioner("apply", "-i", str(path), "--json", *RUNTIME_ONLY)
