"""The images of every kind of bundle: which nodes need each of them, and the one that is our own."""

from __future__ import annotations

import re
from importlib.resources import files

from provisioner.bundle.common.manifest import CONTROL_PLANE, EVERYWHERE, Role

PROBE_IMAGE = "provisioner/probe:1"
IMAGE_ROLES: dict[str, tuple[Role, ...]] = {
    "kube-apiserver": CONTROL_PLANE,
    "kube-controller-manager": CONTROL_PLANE,
    "kube-scheduler": CONTROL_PLANE,
    "etcd": CONTROL_PLANE,
    "kube-proxy": EVERYWHERE,
    "pause": EVERYWHERE,
    "probe": EVERYWHERE,
}


def short_name(reference: str) -> str:
    """`etcd` of `k8s.gcr.io/etcd:3.4.13-0`."""
    return reference.rpartition("/")[2].partition(":")[0]


def file_name(reference: str) -> str:
    """A file's name for an image: k8s.gcr.io_etcd_3.4.13-0.tar."""
    return re.sub(r"[^\w.-]", "_", reference) + ".tar"


def serve_name() -> str:
    """The script that the probe image runs with busybox."""
    return files("provisioner.bundle.common").joinpath("serve-name").read_text(encoding="utf-8")
