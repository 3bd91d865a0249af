"""Our own packages `kubelet`, `kubeadm`, `kubectl` and `kubernetes-cni`: with the names, the layout and the
dependencies of upstream's, so that a host sees no difference.
Files and dependencies: kubernetes/release, packages of the 1.20 era and of pkgs.k8s.io.

kubelet.service is enabled by the package (as a Debian package does) and not started.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from provisioner.bundle.common.workspace import Work
from provisioner.bundle.debian.recipe import PACKAGE_REVISION, Recipe
from provisioner.bundle.debian.root import work_root
from provisioner.templating import render

UNITS = "usr/lib/systemd/system"
CNI_FROM, CNI_TO = "usr/lib/cni", "opt/cni/bin"
MAINTAINER = "provisioner <provisioner@localhost>"


def shipped(name: str) -> str:
    """The text of a file beside this module, in `files/`."""
    return files("provisioner.bundle.debian").joinpath("files", name).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Deb:
    """A package: `texts` and `links` map paths (no leading slash) to content and targets; `scripts` maps
    maintainer scripts' names to content. Files below etc/ become configuration files.
    """

    name: str
    summary: str
    depends: tuple[str, ...] = ()
    program: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)


def kubernetes_debs() -> tuple[Deb, ...]:
    """kubelet, kubeadm and kubectl."""
    return (_kubelet(), _kubeadm(), Deb("kubectl", "Command line of Kubernetes clusters", program="kubectl"))


def cni_deb(plugins: list[str]) -> Deb:
    """Links to Debian's CNI plug-ins in the directory where kubelet and network plug-ins look for them."""
    return Deb(
        "kubernetes-cni",
        "CNI plug-ins where Kubernetes looks for them",
        depends=("containernetworking-plugins",),
        texts={"etc/cni/net.d/.kubernetes-cni-keep": ""},
        links={f"{CNI_TO}/{plugin}": f"/{CNI_FROM}/{plugin}" for plugin in plugins},
    )


def make_debs(recipe: Recipe, work: Work) -> None:
    """The stage: the four packages, in its directory."""
    root = work_root(work)
    plugins = sorted(path.name for path in (root.path / CNI_FROM).iterdir())
    query = ["dpkg-query", "-W", "-f=${Version}", "containernetworking-plugins"]
    cni_version = f"{upstream_version(root.read(query))}-{PACKAGE_REVISION}"
    wanted = [(deb, recipe.package_version) for deb in kubernetes_debs()] + [(cni_deb(plugins), cni_version)]
    for deb, version in wanted:
        tree = work.into / deb.name
        lay_out(deb, tree, work.done["programs"])
        write_control(deb, tree, version, recipe.architecture)
        # gzip: packed and unpacked several times faster than xz, and binaries gain little from xz.
        root.run(["chmod", "--recursive", "u=rwX,go=rX", deb.name], "/build/into")
        pack = ["dpkg-deb", "-Zgzip", "-z6", "--root-owner-group", "--build", deb.name, "."]
        root.run(pack, "/build/into", SOURCE_DATE_EPOCH="0")
        shutil.rmtree(tree)


def upstream_version(debian_version: str) -> str:
    """Of a Debian version, upstream's part without epoch, revision and repack mark: 1.1.1 of 1.1.1+ds1-3."""
    return re.sub(r"^\d+:|[+~].*|-[^-]*$", "", debian_version)


def lay_out(deb: Deb, tree: Path, binaries: Path) -> None:
    """Write a package's files below `tree`; `binaries` is the directory of compiled binaries."""
    for path, text in deb.texts.items():
        _place(tree / path).write_text(text, encoding="utf-8")
    for path, target in deb.links.items():
        _place(tree / path).symlink_to(target)
    if deb.program:
        shutil.copyfile(binaries / deb.program, _place(tree / "usr/bin" / deb.program))
        (tree / "usr/bin" / deb.program).chmod(0o755)


def write_control(deb: Deb, tree: Path, version: str, architecture: str) -> None:
    """Write DEBIAN/control, conffiles and maintainer scripts below `tree`."""
    control = _place(tree / "DEBIAN/control")
    control.write_text(control_text(deb, version, architecture), encoding="utf-8")
    if conffiles := [f"/{path}\n" for path in deb.texts if path.startswith("etc/")]:
        control.with_name("conffiles").write_text("".join(conffiles), encoding="utf-8")
    for name, text in deb.scripts.items():
        control.with_name(name).write_text(text, encoding="utf-8")
        control.with_name(name).chmod(0o755)


def control_text(deb: Deb, version: str, architecture: str) -> str:
    """The control file, see deb-control(5)."""
    fields = {
        "Package": deb.name,
        "Version": version,
        "Architecture": architecture,
        "Maintainer": MAINTAINER,
        "Section": "admin",
        "Priority": "optional",
        "Depends": ", ".join(deb.depends),
        "Description": f"{deb.summary}\n Made by provisioner from Debian's sources.",
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)


def _kubelet() -> Deb:
    return Deb(
        "kubelet",
        "Node agent of Kubernetes",
        depends=(
            *("iptables (>= 1.4.21)", "kubernetes-cni (>= 0.8.7)", "iproute2", "socat"),
            *("util-linux", "mount", "ebtables", "ethtool", "conntrack"),
        ),
        program="kubelet",
        texts={
            f"{UNITS}/kubelet.service": render("kubernetes/kubelet.service"),
            "etc/default/kubelet": shipped("kubelet.default"),
            # None in etc/kubernetes/manifests: kubeadm join of 1.20 wants that directory empty, dot-files included.
            "var/lib/kubelet/.kubelet-keep": "",
        },
        scripts={name: shipped(f"kubelet.{name}") for name in ("postinst", "prerm", "postrm")},
    )


def _kubeadm() -> Deb:
    return Deb(
        "kubeadm",
        "Makes Kubernetes clusters",
        depends=("kubelet (>= 1.19.0)", "kubectl (>= 1.19.0)", "kubernetes-cni (>= 0.8.7)"),
        program="kubeadm",
        texts={f"{UNITS}/kubelet.service.d/10-kubeadm.conf": render("kubernetes/10-kubeadm.conf")},
        scripts={"postinst": shipped("kubeadm.postinst")},
    )


def _place(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
