"""Where packages come from, in the inventory: one model for each kind of source, selected by `type`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from provisioner.catalog import binaries
from provisioner.inventory.strict import FilePath, Model

# No user and password: all users of a host can read where its packages come from. And nothing that a shell or apt would
# read as more than a part of a URL.
URL = r"^(https?|file)://[A-Za-z0-9._~:/%+=,\[\]-]+$"
FILE_URL = r"^https?://[A-Za-z0-9._~:/%+=,\[\]-]+$"
FULL_VERSION = r"^\d+\.\d+\.\d+$"
WEB_URL = r"^https?://[A-Za-z0-9._:\[\]-]+/?$"
# A name, a domain such as .example.org, an address, a network.
DIRECT = r"^[A-Za-z0-9.*][A-Za-z0-9.:/*-]*$"
FINGERPRINT = r"^([0-9A-Fa-f]{4} *){10}$"
# A URL or a file name.
KEY = r"^[^\s'\"\\@]+$"

Url = Annotated[str, StringConstraints(pattern=URL)]
FileUrl = Annotated[str, StringConstraints(pattern=FILE_URL)]
FullVersion = Annotated[str, StringConstraints(pattern=FULL_VERSION)]
ProxyUrl = Annotated[str, StringConstraints(pattern=WEB_URL)]
Fingerprint = Annotated[str, StringConstraints(pattern=FINGERPRINT)]
KeyPlace = Annotated[str, StringConstraints(pattern=KEY)]

_KEY = "The key that signs the repository, armored or binary: its URL, or a file relative to the inventory."
_FINGERPRINT = "The key's fingerprint, 40 hexadecimal digits: no other key is accepted."


class BundleSource(Model):
    """Packages come from an offline bundle, through the SSH connection."""

    type: Literal["bundle"] = "bundle"
    path: FilePath = Field(
        default=Path("auto"),
        description="The bundle's directory, relative to the inventory; `auto`: what `bundle build` made.",
    )


class UpstreamSource(Model):
    """Kubernetes' own repositories at pkgs.k8s.io, one per minor release; they begin with 1.24."""

    type: Literal["upstream"] = "upstream"


class MirrorSource(Model):
    """A mirror of pkgs.k8s.io: the packages of 1.31 are at `url`/v1.31/deb/."""

    type: Literal["mirror"] = "mirror"
    url: Url = Field(
        description="The mirror's URL for `https://pkgs.k8s.io/core:/stable:`; in quotes if it ends in a colon."
    )
    key: KeyPlace | None = Field(default=None, description=_KEY + " Left out: Release.key beside the packages.")
    fingerprint: Fingerprint | None = Field(default=None, description=_FINGERPRINT)


class LegacySource(Model):
    """A mirror in the layout before pkgs.k8s.io, `deb url kubernetes-xenial main`, with versions such as 1.19.11-00."""

    type: Literal["legacy"] = "legacy"
    url: Url = Field(description="The repository's URL, without `dists`.")
    key: KeyPlace = Field(description=_KEY)
    fingerprint: Fingerprint | None = Field(default=None, description=_FINGERPRINT)


class BinariesSource(Model):
    """Kubernetes' binaries themselves, with checksums, as dl.k8s.io has them: for every release, 1.19 to 1.23 too."""

    type: Literal["binaries"] = "binaries"
    url: FileUrl = Field(
        default=binaries.KUBERNETES.url,
        description="The binaries of 1.20.2 are at `url`/release/v1.20.2/bin/linux/amd64/, each with a .sha256 file.",
    )
    cni_url: FileUrl = Field(
        default=binaries.CNI_PLUG_INS.url,
        description="The network plug-ins are at `cni_url`/v1.9.1/cni-plugins-linux-amd64-v1.9.1.tgz.",
    )
    cni_version: FullVersion = Field(
        default=binaries.CNI_PLUG_INS.version, description="The network plug-ins' version."
    )
    crictl_url: FileUrl = Field(
        default=binaries.CRICTL.url, description="crictl is at `crictl_url`/v1.20.0/crictl-v1.20.0-linux-amd64.tar.gz."
    )
    crictl_version: FullVersion | None = Field(
        default=None, description="crictl's version; that of Kubernetes' minor release otherwise."
    )


class DockerSource(Model):
    """Docker's own repository at download.docker.com: docker-ce, docker-ce-cli, containerd.io."""

    type: Literal["docker-ce"] = "docker-ce"


class DockerMirrorSource(Model):
    """A mirror of download.docker.com: the packages for Debian are at `url`/debian."""

    type: Literal["mirror"] = "mirror"
    url: Url = Field(description="The mirror's URL for `https://download.docker.com/linux`.")
    key: KeyPlace | None = Field(default=None, description=_KEY + " Left out: `gpg` beside the packages.")
    fingerprint: Fingerprint | None = Field(default=None, description=_FINGERPRINT)


class DistributionSource(Model):
    """The distribution's own packages, docker.io and containerd, from the apt sources of the host."""

    type: Literal["distribution"] = "distribution"


Source = (
    BundleSource
    | UpstreamSource
    | MirrorSource
    | LegacySource
    | BinariesSource
    | DockerSource
    | DockerMirrorSource
    | DistributionSource
)


def key_file(source: Source) -> Path | None:
    """The file that holds the source's key; None when it has none, or is fetched."""
    key = source.key if isinstance(source, MirrorSource | LegacySource | DockerMirrorSource) else None
    return Path(key) if key and "://" not in key else None


def _bundle_by_default(value: Any) -> Any:
    return {"type": "bundle", **value} if isinstance(value, dict) else value


PackageSource = Annotated[
    BundleSource | UpstreamSource | MirrorSource | LegacySource | BinariesSource,
    Field(discriminator="type"),
    BeforeValidator(_bundle_by_default),
]
RuntimeSource = Annotated[
    BundleSource | DockerSource | DockerMirrorSource | DistributionSource, Field(discriminator="type")
]


class Proxy(Model):
    """How the hosts reach the internet: set for apt, for the container runtime and for Kubernetes' own binaries."""

    http: ProxyUrl | None = Field(default=None, description="The proxy for http, such as http://proxy.example:3128.")
    https: ProxyUrl | None = Field(default=None, description="The proxy for https; the one for http otherwise.")
    no_proxy: tuple[Annotated[str, StringConstraints(pattern=DIRECT)], ...] = Field(
        default=(),
        strict=False,
        description="What is reached without the proxy, besides the cluster's own hosts, networks and names.",
    )
