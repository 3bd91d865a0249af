"""A bundle fetched from upstream's servers (played here), and a cluster from it on machines that reach nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from provisioner.bundle.common.machine import default_cache, machine_architecture
from provisioner.bundle.common.manifest import Kind
from provisioner.bundle.common.reading import Bundle, load
from provisioner.bundle.debian.build import ready
from provisioner.bundle.debian.recipe import Recipe
from tests.builders import network_objects
from tests.e2e.machines import fresh
from tests.e2e.world import Said, World, provisioner
from tests.patience import LONGEST_S
from tests.repositories.registry import Registry, serving_images
from tests.repositories.server import SiteServer, damage, hang, serving
from tests.repositories.site import Site, make_site

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not shutil.which("apt-get") or os.geteuid() != 0, reason="needs apt, and root for the lab"),
]

LAB = "e2e-upstream"
# To the lab's own network, pods and Services, and no further; no name resolves. Fresh machines have no iptables, and
# kubeadm requires a default route.
BLOCK = """
network=$(ip -4 -o route show dev eth0 proto kernel | cut -d ' ' -f 1)
for reached in "$network" 10.244.0.0/16 10.96.0.0/12; do ip rule add to "$reached" lookup main pref 100; done
ip rule add prohibit pref 200
: >/etc/resolv.conf
ip rule
"""
REACH = "timeout 5 bash -c '</dev/tcp/{}/80' && echo reached || echo refused"


@dataclass(frozen=True)
class Upstream:
    """The servers, and a cache of its own to build in."""

    site: Site
    server: SiteServer
    registry: Registry
    cache: Path
    manifest: Path

    def build(self, *arguments: str) -> Said:
        """`bundle build --from upstream` from these servers."""
        return provisioner(*self.command, *arguments, environment=self.environment)

    @property
    def command(self) -> tuple[str, ...]:
        """The words of that command."""
        keys = self.site.keys
        options = {
            "--kubernetes-url": f"{self.server.address}/kubernetes/core:/stable:",
            "--kubernetes-key": str(keys["kubernetes"].directory / "key.asc"),
            "--docker-url": f"{self.server.address}/docker/linux",
            "--docker-key": str(keys["docker"].directory / "key.asc"),
            "--registry": self.registry.address,
            "--network": str(self.manifest),
        }
        words = [word for pair in options.items() for word in pair]
        desired = ("--kubernetes", "1.20.2", "--without", "coredns")
        return ("bundle", "build", "--json", "--from", "upstream", *desired, *words)

    @property
    def environment(self) -> dict[str, str]:
        """Where bundles are kept."""
        return {"XDG_CACHE_HOME": str(self.cache)}

    @property
    def bundles(self) -> list[Path]:
        """All that are called bundles."""
        found = (self.cache / "provisioner/bundles").glob("upstream-*")
        return [path for path in found if path.suffix != ".part"]


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    own = ready(default_cache(), Recipe(architecture=machine_architecture()))
    if own is None:
        pytest.skip("no bundle in the cache: `provisioner bundle build` makes one")
    site = make_site(tmp_path_factory.mktemp("site"))
    registry = Registry()
    for archive in (own / "images").glob("*.tar"):
        registry.add_archive(archive)
    # The probe's image under a registry's name: mirrors leave that out.
    manifest = tmp_path_factory.mktemp("network") / "net.yaml"
    manifest.write_text(network_objects("quay.io/probe:1").as_json())
    with ExitStack() as stack:
        server = stack.enter_context(serving(site.directory, "127.0.0.1"))
        stack.enter_context(serving_images(registry))
        yield Upstream(site, server, registry, tmp_path_factory.mktemp("cache"), manifest)


def test_what_is_damaged_on_the_way_is_refused(upstream: Upstream) -> None:
    with upstream.server.answering("*/kubelet_1.20.2-1.1_*.deb", damage):
        said = upstream.build()
    assert said.code == 5, said
    assert upstream.bundles == []


def test_a_version_that_is_not_there_is_answered_with_those_that_are(upstream: Upstream) -> None:
    said = upstream.build("--kubernetes", "1.20.3")
    assert said.code == 2, said
    assert "1.20.2-1.1" in str(said)
    assert "1.20.4-1.1" in str(said)
    assert upstream.bundles == []


def test_a_killed_build_leaves_no_program_and_no_bundle(upstream: Upstream) -> None:
    upstream.server.asked.clear()
    argv = [sys.executable, "-m", "provisioner", *upstream.command]
    with upstream.server.answering("*/kubelet_1.20.2-1.1_*.deb", hang):
        process = subprocess.Popen(argv, env={**os.environ, **upstream.environment}, stdout=subprocess.DEVNULL)
        try:
            until(lambda: any("/kubelet_" in path for path in upstream.server.asked))
            assert working_below(upstream.cache)
        finally:
            process.kill()
            process.wait()
    until(lambda: not working_below(upstream.cache))
    assert upstream.bundles == []


def working_below(directory: Path) -> list[str]:
    """Processes whose working directory is below a directory."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            found += [str(link)] if link.readlink().is_relative_to(directory) else []
    return found


def until(happened: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline_s = time.monotonic() + LONGEST_S
    while not happened():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


@pytest.fixture(scope="module")
def bundle(upstream: Upstream) -> Bundle:
    """Built after a build that has lost its registry: that one's packages are not fetched again."""
    gone = dict(upstream.registry.named)
    upstream.registry.named.clear()
    broken = upstream.build()
    upstream.registry.named.update(gone)
    assert broken.code == 5, broken
    assert "kube-apiserver:v1.20.2" in str(broken)
    upstream.server.asked.clear()
    made = upstream.build()
    assert made.code == 0, made
    assert not [path for path in upstream.server.asked if path.endswith(".deb")]
    (path,) = upstream.bundles
    return load(path)


def test_the_bundle_has_upstreams_packages_and_is_whole(bundle: Bundle, upstream: Upstream) -> None:
    assert provisioner("bundle", "verify", str(bundle.path)).code == 0
    assert bundle.package_version("kubelet") == "1.20.2-1.1"
    assert bundle.package_version("docker-ce") == "5:20.10.24~3-0~debian-bookworm"
    assert bundle.package_version("conntrack")
    assert {image.name for image in bundle.images_for("worker")} == {
        "k8s.gcr.io/kube-proxy:v1.20.2",
        "k8s.gcr.io/pause:3.2",
        "provisioner/probe:1",
        "quay.io/probe:1",
    }
    assert [manifest.name for manifest in bundle.of_kind(Kind.MANIFEST)] == ["net.yaml"]
    assert upstream.registry.leaked == []


def test_built_again_it_is_found_and_no_server_is_asked(bundle: Bundle, upstream: Upstream) -> None:
    upstream.server.asked.clear()
    upstream.registry.asked.clear()
    said = upstream.build()
    assert said.code == 0, said
    assert str(bundle.path) in said.stdout
    assert (upstream.server.asked, upstream.registry.asked) == ([], [])


@pytest.fixture(scope="module")
def cluster(bundle: Bundle) -> Iterator[tuple[World, Path, Said]]:
    """One control plane and one worker that reach only each other and this machine; and what `apply` said."""
    with fresh(LAB, workers=1) as world:
        for machine in world.machines:
            print(machine, world.shell(machine, BLOCK))
        document = world.document()
        document["all"]["vars"]["cluster"]["package_source"]["path"] = str(bundle.path)
        path = world.inventory.with_name("upstream.yaml")
        path.write_text(yaml.safe_dump(document))
        yield world, path, provisioner("apply", "-i", str(path), "--json")


Cluster = tuple[World, Path, Said]


def test_a_cluster_comes_up_without_any_way_out(cluster: Cluster) -> None:
    world, path, done = cluster
    assert done.code == 0, done
    for machine in world.machines:
        assert world.shell(machine, REACH.format("151.101.2.132")).strip() == "refused"
    verified = provisioner("verify", "-i", str(path), "--json")
    assert verified.code == 0, verified
    nodes = json.loads(world.kubectl("get", "nodes", "-o", "json"))["items"]
    found = {node["metadata"]["name"]: node["status"]["nodeInfo"]["containerRuntimeVersion"] for node in nodes}
    assert {name: version.partition("+")[0] for name, version in found.items()} == {
        "cp1": "docker://20.10.24",
        "w1": "docker://20.10.24",
    }


def test_a_second_run_finds_nothing_to_do(cluster: Cluster) -> None:
    world, path, _ = cluster
    again = provisioner("apply", "-i", str(path), "--json")
    assert (again.code, again.report["changed"]) == (0, 0), again
    assert "docker.io" not in world.shell("w1", "dpkg-query -W")
