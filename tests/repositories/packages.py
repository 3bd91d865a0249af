"""Upstream's packages as data: what they are called, what they need and refuse, and whose files they have."""

from __future__ import annotations

from dataclasses import dataclass, field

DROP_IN = "systemd/system/kubelet.service.d/10-kubeadm.conf"
EMPTY = "Empty: stands for a package that is only asked for, or whose program Debian does not have."
REPACKED = "Repacked from the distribution's package for a test."


@dataclass(frozen=True, slots=True)
class Package:
    """A package named `name` in one or more versions, with the files of the packages `of` (none: empty).

    `moved` maps paths to where upstream has them, `only` and `without` choose among the files (globs), `texts`
    are files that are rewritten, `fields` further fields of the control file. What the packages `of` depend on stays,
    but for `loose`; so do the scripts of the first.
    """

    name: str
    versions: tuple[str, ...]
    of: tuple[str, ...] = ()
    moved: dict[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ("**",)
    without: tuple[str, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """What the package says of itself."""
        return REPACKED if self.of else EMPTY


def docker(codename: str, *versions: str) -> tuple[Package, ...]:
    """docker-ce and docker-ce-cli for a release of Debian, split and related as Docker's are.

    `versions` are the full ones, such as `5:20.10.24~3-0~debian-bookworm`.
    """
    cli = ("usr/bin/docker", "usr/share/bash-completion/**", "usr/share/zsh/**", "usr/share/fish/**")
    old = "docker (<< 1.5~), docker-engine, docker.io"
    engine = Package(
        "docker-ce",
        versions,
        of=("docker.io",),
        moved={f"usr/sbin/{program}": f"usr/bin/{program}" for program in ("dockerd", "docker-proxy")},
        without=cli,
        needs=("containerd.io (>= 1.4.1)", "docker-ce-cli"),
        loose=("containerd", "runc", "docker-cli"),
        fields={"Conflicts": old, "Replaces": "docker-engine"},
    )
    client = Package(
        "docker-ce-cli",
        versions,
        of=("docker.io" if codename != "trixie" else "docker-cli",),
        only=cli,
        loose=("*",),
        fields={"Conflicts": old, "Replaces": "docker-ce (<< 5:0)"},
    )
    return engine, client


def containerd_io(version: str) -> Package:
    """containerd and runc in one package, whose configuration turns the kubelet's interface off, as upstream's."""
    both = "containerd, runc"
    return Package(
        "containerd.io",
        (version,),
        of=("containerd", "runc"),
        moved={"usr/sbin/runc": "usr/bin/runc"},
        texts={"etc/containerd/config.toml": 'disabled_plugins = ["cri"]\n'},
        loose=("runc",),
        fields={"Provides": both, "Conflicts": both, "Replaces": both},
    )


def kubernetes(version: str, *, legacy: bool = False) -> tuple[Package, ...]:
    """kubelet, kubeadm and kubectl that run. `version` has its revision, such as `1.20.2-1.1`."""
    moved = {f"usr/lib/{DROP_IN}": f"etc/{DROP_IN}"} if legacy else {}
    return (
        Package("kubelet", (version,), of=("kubelet",)),
        Package("kubeadm", (version,), of=("kubeadm",), moved=moved, needs=("cri-tools (>= 1.13.0)",)),
        Package("kubectl", (version,), of=("kubectl",)),
    )


def empty_kubernetes(*versions: str) -> tuple[Package, ...]:
    """The three by name alone, to be asked for."""
    return tuple(Package(name, versions) for name in ("kubelet", "kubeadm", "kubectl"))


def companions(cni_version: str, cri_tools_version: str) -> tuple[Package, ...]:
    """kubernetes-cni with the plug-ins themselves where the kubelet looks, and cri-tools without a program."""
    plugins = ("containernetworking-plugins",)
    moved = {"usr/lib/cni": "opt/cni/bin"}
    cni = Package("kubernetes-cni", (cni_version,), of=plugins, moved=moved, only=("opt/**",), loose=("*",))
    return cni, Package("cri-tools", (cri_tools_version,))
