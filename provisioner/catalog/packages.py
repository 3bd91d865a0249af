"""Where packages come from, and the distributions they are made for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Repository:
    """An apt repository of Kubernetes' packages, for the minor releases from `since` to `until` (None: no end).

    `{series}` in `url` stands for the release, such as 1.31; empty when upstream has none any more and a
    mirror must be named. `suite` and `components` are as in a sources file; `version` is how its packages' versions
    look, with `*` for the part that the repository decides.
    """

    layout: str
    since: int
    until: int | None
    url: str
    suite: str
    components: str
    version: str
    key_fingerprint: str
    source: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """A release of a distribution. `docker_path` and its codename are its place in Docker's repository.

    `cgroup` is the version that it boots with by default.
    """

    id: str
    release: str
    codename: str
    docker_path: str
    cgroup: int
    source: str


REPOSITORIES = (
    # Its content was removed on 4 March 2024: these releases come from a mirror that still has them.
    Repository(
        "legacy", 19, 23, "", "kubernetes-xenial", "main", "{version}-0*", "",
        "https://kubernetes.io/blog/2023/08/31/legacy-package-repository-deprecation/",
    ),
    # A repository of a release that has ended has an old, expired copy of the key; the newest one's signs all of them
    # (https://github.com/kubernetes/release/issues/3818).
    Repository(
        "per-minor", 24, None, "https://pkgs.k8s.io/core:/stable:/v{series}/deb/", "/", "", "{version}-*",
        "DE15B14486CD377B9E876E1A234654DA9A296436",
        "https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/",
    ),
)  # fmt: skip

_DOCKER = "https://docs.docker.com/engine/install/{}/"
# The codenames are those of Docker's repository too.
DISTRIBUTIONS = (
    Distribution("debian", "11", "bullseye", "linux/debian", 2, _DOCKER.format("debian")),
    Distribution("debian", "12", "bookworm", "linux/debian", 2, _DOCKER.format("debian")),
    Distribution("debian", "13", "trixie", "linux/debian", 2, _DOCKER.format("debian")),
    Distribution("ubuntu", "20.04", "focal", "linux/ubuntu", 1, _DOCKER.format("ubuntu")),
    Distribution("ubuntu", "22.04", "jammy", "linux/ubuntu", 2, _DOCKER.format("ubuntu")),
    Distribution("ubuntu", "24.04", "noble", "linux/ubuntu", 2, _DOCKER.format("ubuntu")),
    Distribution("ubuntu", "26.04", "resolute", "linux/ubuntu", 2, _DOCKER.format("ubuntu")),
)


def repository_for(minor: int) -> Repository:
    """The repository of a minor release; the newest layout for one that the catalog does not know."""
    return next((row for row in REPOSITORIES if row.since <= minor <= (row.until or minor)), REPOSITORIES[0])


def distribution(name: str, codename: str) -> Distribution | None:
    """The row of a distribution by os-release's ID and codename; None when it is not in the catalog."""
    return next((row for row in DISTRIBUTIONS if (row.id, row.codename) == (name, codename)), None)
