from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioner.bundle.common.manifest import CONTROL_PLANE, EVERYWHERE, Distribution, Kind, Manifest, Missing
from provisioner.bundle.common.reading import content

FILES = {
    "images/apiserver.tar": b"an image",
    "images/proxy.tar": b"another image",
    "apt/kubelet_1.20.2-1.1_amd64.deb": b"a package",
    "apt/Packages": b"an index",
    "apt/key.asc": b"a key",
}


@pytest.fixture
def bundle_path(tmp_path: Path) -> Path:
    """A small whole bundle."""
    root = tmp_path / "bundle"
    for path, data in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    (root / "bundle.json").write_text(manifest_of(root).model_dump_json(), encoding="utf-8")
    return root


def manifest_of(root: Path) -> Manifest:
    image, package = Kind.IMAGE, Kind.PACKAGE
    deb = {"version": "1.20.2-1.1", "origin": "compiled", "roles": EVERYWHERE}
    return Manifest(
        kubernetes_version="1.20.2",
        distribution=Distribution(id="debian", codename="bookworm", architecture="amd64"),
        created=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        origin="a test",
        contents=(
            content(root, "images/apiserver.tar", image, "k8s.gcr.io/kube-apiserver:v1", roles=CONTROL_PLANE),
            content(root, "images/proxy.tar", image, "k8s.gcr.io/kube-proxy:v1", roles=EVERYWHERE),
            content(root, "apt/kubelet_1.20.2-1.1_amd64.deb", package, "kubelet", **deb),
            content(root, "apt/Packages", Kind.INDEX, "Packages"),
            content(root, "apt/key.asc", Kind.KEY, "key.asc"),
        ),
        missing=(Missing(name="k8s.gcr.io/coredns:1.7.0", reason="coredns is not in Debian"),),
    )
