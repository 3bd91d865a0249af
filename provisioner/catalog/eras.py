"""What changes between Kubernetes' minor releases, by subject: each row is named after the first release it is for.

The rows are defined here and combined, release by release, in `kubernetes`.
"""

from __future__ import annotations

from dataclasses import dataclass

_K8S = "https://github.com/kubernetes/kubernetes"
_CHANGES = _K8S + "/blob/master/CHANGELOG/CHANGELOG-{}.md"


@dataclass(frozen=True, slots=True)
class Kubeadm:
    """How kubeadm is configured. `api` is the version of its configuration to write.

    `arguments` says how this has the extra arguments of a component: as a `map`, or as a `list` of names and values.
    `validates`: it has `kubeadm config validate`. `patches_flag` names the directory of patches where the
    configuration has no field for it; `patch_targets` is what can be patched.
    """

    api: str
    arguments: str
    validates: bool
    patches_flag: str
    patch_targets: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Cri:
    """The versions of the container runtime interface that the kubelet speaks."""

    versions: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Names:
    """The names that kubeadm uses: a control plane's labels and taints, and the ConfigMap of the kubelets.

    `{series}` in `kubelet_config_map` stands for the release, such as 1.20.
    """

    labels: tuple[str, ...]
    taints: tuple[str, ...]
    kubelet_config_map: str
    source: str


@dataclass(frozen=True, slots=True)
class Registry:
    """Where kubeadm looks for images by default, and CoreDNS's path there.

    `moved_at` is the first patch release that uses registry.k8s.io instead (None: none does).
    """

    address: str
    coredns: str
    source: str
    moved_at: int | None = None


@dataclass(frozen=True, slots=True)
class Kubelet:
    """What the kubelet accepts.

    `cgroup_driver` is kubeadm's default for it, empty for none. `cgroup_v1`: accepted, in maintenance, or refused.
    `removed_flags` are flags that it no longer knows: with one of them it does not start. `behind` is how many minor
    releases it may be older than the API server.
    """

    cgroup_driver: str
    cgroup_v1: str
    removed_flags: tuple[str, ...]
    behind: int
    source: str


_API = "https://kubernetes.io/docs/reference/config-api/kubeadm-config.{}/"
_PODS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
_PATCHABLE = (*_PODS, "kubeletconfiguration")
KUBEADM_1_19 = Kubeadm(
    "v1beta2", "map", False, "--experimental-patches", _PODS,
    "https://pkg.go.dev/k8s.io/kubernetes@v1.20.0/cmd/kubeadm/app/apis",
)  # fmt: skip
KUBEADM_1_22 = Kubeadm("v1beta3", "map", False, "", _PODS, _API.format("v1beta3"))
KUBEADM_1_25 = Kubeadm("v1beta3", "map", False, "", _PATCHABLE, _CHANGES.format("1.25"))
KUBEADM_1_26 = Kubeadm(
    "v1beta3", "map", True, "", _PATCHABLE, "https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-config/"
)
# v1beta3 is accepted up to 1.35 and refused from 1.36 on (pull request 136016).
KUBEADM_1_31 = Kubeadm("v1beta4", "list", True, "", _PATCHABLE, _API.format("v1beta4"))
KUBEADM_1_37 = Kubeadm("v1beta4", "list", True, "", (*_PATCHABLE, "kubeproxydaemonset"), _CHANGES.format("1.37"))

_CRI = "https://kubernetes.io/docs/concepts/architecture/cri/"
CRI_1_19 = Cri(("v1alpha2",), _CRI)
CRI_1_23 = Cri(("v1", "v1alpha2"), _CHANGES.format("1.23"))
CRI_1_26 = Cri(("v1",), _CHANGES.format("1.26"))

MASTER = "node-role.kubernetes.io/master"
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
_RENAMING = "https://github.com/kubernetes/enhancements/blob/master/keps/sig-cluster-lifecycle/kubeadm/{}/README.md"
_RENAMED = _RENAMING.format("2067-rename-master-label-taint")
NAMES_1_19 = Names((MASTER,), (MASTER,), "kubelet-config-{series}", _RENAMED)
NAMES_1_20 = Names((MASTER, CONTROL_PLANE), (MASTER,), "kubelet-config-{series}", _RENAMED)
NAMES_1_24 = Names((CONTROL_PLANE,), (MASTER, CONTROL_PLANE), "kubelet-config", _CHANGES.format("1.24"))
NAMES_1_25 = Names((CONTROL_PLANE,), (CONTROL_PLANE,), "kubelet-config", _CHANGES.format("1.25"))

# Frozen since April 2023; it redirects to its successor.
OLD_REGISTRY, NEW_REGISTRY = "k8s.gcr.io", "registry.k8s.io"
_MOVED = "https://github.com/kubernetes/kubeadm/issues/2671"
REGISTRY_1_19 = Registry(OLD_REGISTRY, "coredns", _MOVED)
REGISTRY_1_21 = Registry(OLD_REGISTRY, "coredns/coredns", _MOVED)
REGISTRY_1_22 = Registry(OLD_REGISTRY, "coredns/coredns", f"{_K8S}/pull/113388", moved_at=17)
REGISTRY_1_23 = Registry(OLD_REGISTRY, "coredns/coredns", f"{_K8S}/pull/113393", moved_at=15)
REGISTRY_1_24 = Registry(OLD_REGISTRY, "coredns/coredns", f"{_K8S}/pull/113395", moved_at=9)
REGISTRY_1_25 = Registry(NEW_REGISTRY, "coredns/coredns", _MOVED)

_SKEW = "https://kubernetes.io/releases/version-skew-policy/"
# Removed with dockershim: pull request 106907.
_SHIM_FLAGS = (
    "cni-bin-dir", "cni-cache-dir", "cni-conf-dir", "docker-endpoint", "experimental-dockershim-root-directory",
    "image-pull-progress-deadline", "network-plugin", "network-plugin-mtu",
)  # fmt: skip
_FLAGS_1_27 = (*_SHIM_FLAGS, "container-runtime")
_FLAGS_1_35 = (*_FLAGS_1_27, "pod-infra-container-image")
KUBELET_1_19 = Kubelet("", "accepted", (), 2, _SKEW)
KUBELET_1_22 = Kubelet("systemd", "accepted", (), 2, _CHANGES.format("1.22"))
KUBELET_1_24 = Kubelet("systemd", "accepted", _SHIM_FLAGS, 2, _CHANGES.format("1.24"))
KUBELET_1_25 = Kubelet("systemd", "accepted", _SHIM_FLAGS, 3, _SKEW)
KUBELET_1_27 = Kubelet("systemd", "accepted", _FLAGS_1_27, 3, "https://github.com/awslabs/amazon-eks-ami/pull/1250")
KUBELET_1_31 = Kubelet("systemd", "maintenance", _FLAGS_1_27, 3, _CHANGES.format("1.31"))
KUBELET_1_35 = Kubelet("systemd", "refused", _FLAGS_1_35, 3, _CHANGES.format("1.35"))
# The workaround for `refused`, when the host cannot be changed (CHANGELOG-1.35).
CGROUP_V1_WAY_OUT = "failCgroupV1: false in the kubelet's configuration, and kubeadm's SystemVerification ignored"
