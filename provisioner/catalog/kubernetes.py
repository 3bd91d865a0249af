"""The Kubernetes releases that can be brought up, and what each of them expects around it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Release:
    """One minor release.

    `series` is `1.20`; `last_patch` the last one that upstream published; `kubeadm_api` the version of
    kubeadm's configuration to write; `coredns`, `etcd`, `pause` the tags of the images that kubeadm asks for
    (of the last patch; `kubeadm config images list` on a machine has the last word); `source` is where the
    row was read.
    """

    series: str
    last_patch: int
    kubeadm_api: str
    coredns: str
    etcd: str
    pause: str
    source: str


_CONSTANTS = "https://github.com/kubernetes/kubernetes/blob/release-{}/cmd/kubeadm/app/constants/constants.go"

_RELEASES = (
    Release("1.19", 16, "v1beta2", "1.7.0", "3.4.13-0", "3.2", _CONSTANTS.format("1.19")),
    Release("1.20", 15, "v1beta2", "1.7.0", "3.4.13-0", "3.2", _CONSTANTS.format("1.20")),
    Release("1.21", 14, "v1beta2", "v1.8.0", "3.4.13-0", "3.4.1", _CONSTANTS.format("1.21")),
)


def supported() -> tuple[Release, ...]:
    """All releases that can be brought up, oldest first."""
    return _RELEASES


def release(series: str) -> Release | None:
    """The release of a series such as `1.20`; None when it is not supported."""
    return next((row for row in _RELEASES if row.series == series), None)
