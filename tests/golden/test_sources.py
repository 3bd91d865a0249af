"""Every file that a package source or a proxy puts on a machine."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.inventory.model import Cluster
from provisioner.resources.files import File
from provisioner.sources.proxies import machine_files, service_file
from provisioner.sources.repository import PRODUCTS, repository
from provisioner.world.view import View
from tests.builders import cluster, facts, view
from tests.conftest import Golden

UBUNTU = {"distribution": "ubuntu", "release": "24.04", "codename": "noble", "architecture": "arm64"}
MIRROR = {"url": "https://mirror.example/kubernetes/core:/stable:/"}
DOCKER = {"type": "mirror", "url": "http://mirror.example/docker/linux", "key": "https://mirror.example/docker.gpg"}
LEGACY = {"type": "legacy", "url": "http://mirror.example/kubernetes/apt/", "key": "/keys/kubernetes.gpg"}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "upstream": ({"kubernetes_version": "1.31.2", "package_source": {"type": "upstream"}}, {}),
    "upstream-on-ubuntu": ({"kubernetes_version": "1.37.1", "package_source": {"type": "upstream"}}, UBUNTU),
    "mirrors": ({"package_source": {"type": "mirror", **MIRROR}, "runtime": {"source": DOCKER}}, {}),
    "legacy": ({"package_source": LEGACY, "runtime": {"source": {"type": "docker-ce"}}}, {}),
}
PROXY = {"http": "http://proxy.example:3128", "no_proxy": ["mirror.example", "10.9.0.0/16"]}


def seen(desired: Cluster, **changes: Any) -> View:
    return view(desired, facts={"cp1": facts("cp1", "10.0.0.11", **changes)})


@pytest.mark.parametrize("name", CASES)
def test_definitions(name: str, golden: Golden) -> None:
    settings, machine = CASES[name]
    looked = seen(cluster(**settings), **machine)
    host = looked.cluster.host("cp1")
    found = [one for product in PRODUCTS if (one := repository(looked, host, product))]
    parts = [
        f"##### {one.path} (key: {one.key_url or 'a file'} {one.fingerprint})\n{one.definition()}" for one in found
    ]
    golden(f"rendered/sources/{name}.txt", "\n".join(parts))


def test_proxies(golden: Golden) -> None:
    looked = seen(cluster(proxy=PROXY))
    files = (*machine_files(looked, looked.cluster.host("cp1")), service_file(looked, "docker.service"))
    texts = [f"##### {file.path}\n{file.content}" for file in files if isinstance(file, File)]
    golden("rendered/sources/proxies.txt", "\n".join(texts))
