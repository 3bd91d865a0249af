"""The known Kubernetes releases, and what each of them requires and uses."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.catalog import eras
from provisioner.catalog.eras import NEW_REGISTRY, Cri, Kubeadm, Kubelet, Names, Registry


@dataclass(frozen=True, slots=True)
class Release:
    """One minor release.

    `series` is `1.20`; `last_patch` the last one seen, and `ended` whether upstream publishes no more. `coredns`,
    `etcd`, `pause` are the tags of the images that kubeadm asks for (of the latest patch that was seen; `kubeadm config
    images list` on a host has the final say), read at `source`. The other columns have sources of their own.
    """

    series: str
    last_patch: int
    ended: bool
    coredns: str
    etcd: str
    pause: str
    kubeadm: Kubeadm
    cri: Cri
    names: Names
    registry: Registry
    kubelet: Kubelet
    source: str

    @property
    def minor(self) -> int:
        """The number after the dot."""
        return int(self.series.partition(".")[2])

    @property
    def kubelet_config_map(self) -> str:
        """The ConfigMap in kube-system that holds the kubelets' configuration."""
        return self.names.kubelet_config_map.format(series=self.series)

    def images(self, patch: int) -> dict[str, str]:
        """Every image that kubeadm asks for at that patch, by its short name."""
        moved = self.registry.moved_at is not None and patch >= self.registry.moved_at
        registry = NEW_REGISTRY if moved else self.registry.address
        tags = {"etcd": self.etcd, "pause": self.pause}
        plain = {name: f"{registry}/{name}:{tags.get(name, f'v{self.series}.{patch}')}" for name in (*_PARTS, *tags)}
        return {**plain, "coredns": f"{registry}/{self.registry.coredns}:{self.coredns}"}


_PARTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")

_MINIKUBE = "https://github.com/kubernetes/minikube/blob/master/pkg/minikube/constants/constants_kubeadm_images.go"
_KUBESPRAY = "https://github.com/kubernetes-sigs/kubespray/tree/46dbdd3"
_CHANGES = "https://github.com/kubernetes/kubernetes/blob/master/CHANGELOG/CHANGELOG-{}.md"

# One row per release, as a table: that is how it is read and compared.
# fmt: off
_RELEASES = (
    Release("1.19", 16, True, "1.7.0", "3.4.13-0", "3.2", eras.KUBEADM_1_19, eras.CRI_1_19,
            eras.NAMES_1_19, eras.REGISTRY_1_19, eras.KUBELET_1_19, _MINIKUBE),
    Release("1.20", 15, True, "1.7.0", "3.4.13-0", "3.2", eras.KUBEADM_1_19, eras.CRI_1_19,
            eras.NAMES_1_20, eras.REGISTRY_1_19, eras.KUBELET_1_19, _MINIKUBE),
    Release("1.21", 14, True, "v1.8.0", "3.4.13-0", "3.4.1", eras.KUBEADM_1_19, eras.CRI_1_19,
            eras.NAMES_1_20, eras.REGISTRY_1_21, eras.KUBELET_1_19, _MINIKUBE),
    Release("1.22", 17, True, "v1.8.4", "3.5.6-0", "3.5", eras.KUBEADM_1_22, eras.CRI_1_19,
            eras.NAMES_1_20, eras.REGISTRY_1_22, eras.KUBELET_1_22, _MINIKUBE),
    Release("1.23", 17, True, "v1.8.6", "3.5.6-0", "3.6", eras.KUBEADM_1_22, eras.CRI_1_23,
            eras.NAMES_1_20, eras.REGISTRY_1_23, eras.KUBELET_1_22, _MINIKUBE),
    Release("1.24", 17, True, "v1.8.6", "3.5.6-0", "3.7", eras.KUBEADM_1_22, eras.CRI_1_23,
            eras.NAMES_1_24, eras.REGISTRY_1_24, eras.KUBELET_1_24, _MINIKUBE),
    Release("1.25", 16, True, "v1.9.3", "3.5.9-0", "3.8", eras.KUBEADM_1_25, eras.CRI_1_23,
            eras.NAMES_1_25, eras.REGISTRY_1_25, eras.KUBELET_1_25, _MINIKUBE),
    Release("1.26", 15, True, "v1.9.3", "3.5.10-0", "3.9", eras.KUBEADM_1_26, eras.CRI_1_26,
            eras.NAMES_1_25, eras.REGISTRY_1_25, eras.KUBELET_1_25, _MINIKUBE),
    Release("1.27", 16, True, "v1.10.1", "3.5.12-0", "3.9", eras.KUBEADM_1_26, eras.CRI_1_26,
            eras.NAMES_1_25, eras.REGISTRY_1_25, eras.KUBELET_1_27, _MINIKUBE),
    Release("1.28", 15, True, "v1.10.1", "3.5.15-0", "3.9", eras.KUBEADM_1_26, eras.CRI_1_26,
            eras.NAMES_1_25, eras.REGISTRY_1_25, eras.KUBELET_1_27, _MINIKUBE),
    # As of 1.29.10; the last patches may have 3.5.16-0.
    Release("1.29", 15, True, "v1.11.1", "3.5.15-0", "3.9", eras.KUBEADM_1_26, eras.CRI_1_26,
            eras.NAMES_1_25, eras.REGISTRY_1_25, eras.KUBELET_1_27, _MINIKUBE),
    Release("1.30", 14, True, "v1.11.3", "3.5.15-0", "3.9", eras.KUBEADM_1_26, eras.CRI_1_26,
            eras.NAMES_1_25, eras.REGISTRY_1_25, eras.KUBELET_1_27, _MINIKUBE),
    Release("1.31", 14, True, "v1.11.3", "3.5.24-0", "3.10", eras.KUBEADM_1_31, eras.CRI_1_26,
            eras.NAMES_1_25, eras.REGISTRY_1_25, eras.KUBELET_1_31, _KUBESPRAY),
    Release("1.32", 13, True, "v1.11.3", "3.5.24-0", "3.10", eras.KUBEADM_1_31, eras.CRI_1_26,
            eras.NAMES_1_25, eras.REGISTRY_1_25, eras.KUBELET_1_31, _KUBESPRAY),
    Release("1.33", 13, True, "v1.12.0", "3.5.24-0", "3.10", eras.KUBEADM_1_31, eras.CRI_1_26,
            eras.NAMES_1_25, eras.REGISTRY_1_25, eras.KUBELET_1_31, _KUBESPRAY),
    Release("1.34", 11, False, "v1.12.1", "3.6.5-0", "3.10.1", eras.KUBEADM_1_31, eras.CRI_1_26,
            eras.NAMES_1_25, eras.REGISTRY_1_25, eras.KUBELET_1_31, _KUBESPRAY),
    Release("1.35", 8, False, "v1.13.1", "3.6.6-0", "3.10.1", eras.KUBEADM_1_31, eras.CRI_1_26,
            eras.NAMES_1_25, eras.REGISTRY_1_25, eras.KUBELET_1_35, _CHANGES.format("1.35")),
    Release("1.36", 5, False, "v1.14.2", "3.6.8-0", "3.10.2", eras.KUBEADM_1_31, eras.CRI_1_26,
            eras.NAMES_1_25, eras.REGISTRY_1_25, eras.KUBELET_1_35, _CHANGES.format("1.36")),
    Release("1.37", 1, False, "v1.14.6", "3.7.0-0", "3.10.2", eras.KUBEADM_1_37, eras.CRI_1_26,
            eras.NAMES_1_25, eras.REGISTRY_1_25, eras.KUBELET_1_35, _CHANGES.format("1.37")),
)
# fmt: on


def releases() -> tuple[Release, ...]:
    """All releases of the catalog, oldest first."""
    return _RELEASES


def release(series: str) -> Release | None:
    """The release of a series such as `1.20`; None when it is not in the catalog."""
    return next((row for row in _RELEASES if row.series == series), None)


def rules_for(series: str) -> Release:
    """The release whose rules apply to a series: its own or, outside the catalog, the nearest one."""
    major, _, minor = series.partition(".")
    older = (int(major), int(minor)) < (1, _RELEASES[0].minor)
    return release(series) or _RELEASES[0 if older else -1]
