"""containerd as Docker's repository and the distributions have it: each of its lines reads the file that it gets."""

from __future__ import annotations

import tomllib
from collections.abc import Callable

import pytest

from provisioner.catalog import containerd as catalog
from provisioner.resources.daemons import Setting
from provisioner.runtimes.containerd import CONFIG
from provisioner.sources.versions import upstream
from tests.e2e.ground import Ground, Settings, ground
from tests.e2e.machines import need_containers
from tests.e2e.world import Said, provisioner
from tests.repositories.site import Site, make_site

pytestmark = pytest.mark.e2e

Record = Callable[[str, object], None]
TALLY = ("package source cases tried", 1)
RUNTIME_ONLY = ("--only", "machine", "--only", "container-runtime")
# The kubelet's interface under its name up to 1.7, and from 2.0 on.
INTERFACES = ("io.containerd.grpc.v1 cri", "io.containerd.cri.v1 runtime")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    need_containers()
    return make_site(tmp_path_factory.mktemp("site"), ("bullseye", "bookworm", "jammy", "trixie", "noble"))


def run(here: Ground, command: str, source: Settings) -> Said:
    runtime = {"type": "containerd", "source": source, "registry_mirrors": ["https://mirror.example"]}
    path = here.inventory("containerd.yaml", runtime=runtime)
    return provisioner(command, "-i", str(path), "--json", *RUNTIME_ONLY)


@pytest.mark.parametrize(
    ("release", "package"),
    [
        ("bookworm", "containerd.io"),
        ("bullseye", "containerd"),
        ("jammy", "containerd"),
        ("noble", "containerd"),
        ("trixie", "containerd"),
    ],
)
def test_the_daemon_reads_what_it_is_given(site: Site, release: str, package: str, record_property: Record) -> None:
    """Docker's package brings a file of its own that turns the kubelet's interface off; ours stays."""
    record_property("tally", TALLY)
    with ground(f"e2e-containerd-{release}", site, release) as here:
        source = here.docker()["source"] if package == "containerd.io" else {"type": "distribution"}
        done = run(here, "apply", source)
        assert done.code == 0, done
        held, shell = here.held("cp1"), here.world.shell
        line = catalog.nearest(upstream(held[package]))
        record_property("tally", (f"containerd {line.series} on {release}", 1))
        assert not {"docker.io", "docker-ce"} & held.keys()
        assert tomllib.loads(shell("cp1", f"cat {CONFIG}"))["version"] == line.config
        told, keys = tomllib.loads(shell("cp1", "containerd config dump")), catalog.keys(line.config)
        assert told["disabled_plugins"] == []
        driver = True if line.tells_driver else None
        for path, wished in ((keys.systemd_cgroup, driver), (keys.sandbox, "k8s.gcr.io/pause:3.2")):
            assert Setting("x", path, "").found(told) == wished
        loaded = [" ".join(row.split()) for row in shell("cp1", "ctr plugins ls").splitlines()]
        states = [row.split()[-1] for row in loaded if row.startswith(INTERFACES)]
        assert states == ["ok"], loaded
        again = run(here, "apply", source)
        assert (again.code, again.changed) == (0, []), again
