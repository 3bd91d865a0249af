"""The container runtime in the inventory: one model for each kind of runtime, selected by `type`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from provisioner.inventory.package_sources import BundleSource, RuntimeSource
from provisioner.inventory.strict import Model

VERSION = r"^\d+\.\d+(\.\d+)?$"
SIZE = r"^\d+[kmg]$"
# The form that Docker, containerd and CRI-O all accept.
MIRROR = r"^https?://[^\s@'\"\\]+$"

_SOURCE = (
    "Where its packages come from. Left out: the bundle when Kubernetes' packages come from it, Docker's own "
    "repository otherwise."
)
_MIRRORS = "URLs of mirrors of Docker Hub."


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Mirrors = Annotated[tuple[Annotated[str, StringConstraints(pattern=MIRROR)], ...], BeforeValidator(_as_tuple)]


class DockerRuntime(Model):
    """Docker, reached by the kubelet itself up to Kubernetes 1.23, and through cri-dockerd from 1.24 on."""

    type: Literal["docker"] = "docker"
    version: str | None = Field(
        default=None, pattern=VERSION, description="Such as 20.10.24. Left out: the newest that fits."
    )
    source: RuntimeSource | None = Field(default=None, description=_SOURCE)
    log_max_size: str = Field(
        default="100m", pattern=SIZE, description="The size at which a container's log is rotated."
    )
    registry_mirrors: Mirrors = Field(default=(), description=_MIRRORS)


class ContainerdRuntime(Model):
    """containerd, without Docker."""

    type: Literal["containerd"] = "containerd"
    version: str | None = Field(
        default=None, pattern=VERSION, description="Such as 1.7.28. Left out: the newest that fits."
    )
    source: RuntimeSource | None = Field(default=None, description=_SOURCE)
    registry_mirrors: Mirrors = Field(default=(), description=_MIRRORS)
    beside_docker: bool = Field(default=False, description="Docker may run on the hosts too, for other purposes.")


class CrioRuntime(Model):
    """CRI-O, of the same minor release as Kubernetes."""

    type: Literal["cri-o"] = "cri-o"
    version: str | None = Field(
        default=None, pattern=VERSION, description="Such as 1.30.4. Left out: the one that the bundle has."
    )
    source: BundleSource | None = Field(default=None, description="Its packages come from a bundle.")
    registry_mirrors: Mirrors = Field(default=(), description=_MIRRORS)
    beside_docker: bool = Field(default=False, description="Docker may run on the hosts too, for other purposes.")


def _docker_by_default(value: Any) -> Any:
    return {"type": "docker", **value} if isinstance(value, dict) else value


Runtime = Annotated[
    DockerRuntime | ContainerdRuntime | CrioRuntime,
    Field(discriminator="type"),
    BeforeValidator(_docker_by_default),
]
