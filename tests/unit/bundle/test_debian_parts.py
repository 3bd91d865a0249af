from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.bundle.common.images import file_name, short_name
from provisioner.bundle.common.packages import fetched
from provisioner.bundle.debian.binaries import linker_flags
from provisioner.bundle.debian.debs import (
    cni_deb,
    control_text,
    kubernetes_debs,
    lay_out,
    upstream_version,
    write_control,
)
from provisioner.bundle.debian.images import libraries, merged
from provisioner.bundle.debian.recipe import OWN_PACKAGES, PROGRAMS
from provisioner.bundle.debian.repository import from_debian, without_epoch

LDD = """\
/usr/bin/etcd:
\tlinux-vdso.so.1 (0x00007ffd1)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2c2)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f2c3)
/usr/sbin/ipset:
\tlibmnl.so.0 => /usr/lib/x86_64-linux-gnu/libmnl.so.0 (0x00007f2c4)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2c2)
"""
PRINT_URIS = """\
Reading package lists...
The following NEW packages will be installed:
  conntrack tini
'http://m.example/pool/c/conntrack_1.4.7-1%2bb2_amd64.deb' conntrack_1%3a1.4.7-1+b2_amd64.deb 35240 SHA256:ab
'http://m.example/pool/t/tini_0.19.0-1_all.deb' tini_0.19.0-1_all.deb 267204 \n"""


def test_every_package_lies_where_upstreams_does_and_no_manifest_stops_a_join(tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in PROGRAMS:
        (programs / name).write_text(name)
    laid = {}
    for deb in (*kubernetes_debs(), cni_deb(["bridge"])):
        tree = tmp_path / deb.name
        lay_out(deb, tree, programs)
        write_control(deb, tree, "1.20.2-1.1", "amd64")
        files = [path for path in tree.rglob("*") if path.is_symlink() or path.is_file()]
        laid[deb.name] = {path.relative_to(tree).as_posix() for path in files if "DEBIAN" not in path.parts}
    assert laid == {
        "kubelet": {
            "usr/bin/kubelet",
            "usr/lib/systemd/system/kubelet.service",
            "etc/default/kubelet",
            "var/lib/kubelet/.kubelet-keep",
        },
        "kubeadm": {"usr/bin/kubeadm", "usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf"},
        "kubectl": {"usr/bin/kubectl"},
        "kubernetes-cni": {"opt/cni/bin/bridge", "etc/cni/net.d/.kubernetes-cni-keep"},
    }
    assert (tmp_path / "kubernetes-cni/opt/cni/bin/bridge").readlink() == Path("/usr/lib/cni/bridge")
    assert (tmp_path / "kubelet/DEBIAN/conffiles").read_text() == "/etc/default/kubelet\n"
    assert (tmp_path / "kubelet/DEBIAN/postinst").stat().st_mode & 0o777 == 0o755
    assert not (tmp_path / "kubectl/DEBIAN/conffiles").exists()


def test_the_drop_in_reads_kubeadms_and_the_administrators_flags() -> None:
    (kubeadm,) = (deb for deb in kubernetes_debs() if deb.name == "kubeadm")
    (text,) = kubeadm.texts.values()
    order = ["KUBECONFIG_ARGS", "CONFIG_ARGS", "KUBEADM_ARGS", "EXTRA_ARGS"]
    assert text.rstrip().endswith(" ".join(f"$KUBELET_{name}" for name in order))
    assert "/var/lib/kubelet/kubeadm-flags.env" in text


def test_control() -> None:
    (kubectl,) = (deb for deb in kubernetes_debs() if deb.name == "kubectl")
    text = control_text(kubectl, "1.20.2-1.1", "amd64")
    assert "Package: kubectl\nVersion: 1.20.2-1.1\nArchitecture: amd64\n" in text
    assert "Depends" not in text


def test_dependencies_come_from_debian_or_are_ours() -> None:
    names = {deb.name for deb in (*kubernetes_debs(), cni_deb([]))}
    assert names == set(OWN_PACKAGES)
    assert not names & set(from_debian())
    assert {"docker.io", "containerd", "conntrack", "socat", "mount"} <= set(from_debian())


@pytest.mark.parametrize(
    ("debian", "upstream"),
    [("1.1.1+ds1-3+b5", "1.1.1"), ("1:1.35.0-4", "1.35.0"), ("3.4.23-4+b4", "3.4.23"), ("1.6.20~ds1-1", "1.6.20")],
)
def test_upstream_version(debian: str, upstream: str) -> None:
    assert upstream_version(debian) == upstream


def test_libraries_each_once_at_their_real_place() -> None:
    assert libraries(LDD) == [
        "usr/lib/x86_64-linux-gnu/libc.so.6",
        "usr/lib/x86_64-linux-gnu/libmnl.so.0",
        "usr/lib64/ld-linux-x86-64.so.2",
    ]


@pytest.mark.parametrize(
    ("path", "real"), [("/lib/x", "usr/lib/x"), ("/usr/lib/x", "usr/lib/x"), ("/library/x", "library/x")]
)
def test_merged(path: str, real: str) -> None:
    assert merged(path) == real


def test_image_names() -> None:
    assert short_name("k8s.gcr.io/etcd:3.4.13-0") == "etcd"
    assert short_name("registry:5000/a/pause:3.2") == "pause"
    assert file_name("k8s.gcr.io/etcd:3.4.13-0") == "k8s.gcr.io_etcd_3.4.13-0.tar"


def test_what_apt_would_fetch() -> None:
    assert fetched(PRINT_URIS) == {"conntrack": "1:1.4.7-1+b2", "tini": "0.19.0-1"}


def test_without_epoch() -> None:
    assert without_epoch("conntrack_1%3a1.4.7-1+b2_amd64.deb") == "conntrack_1.4.7-1+b2_amd64.deb"
    assert without_epoch("tini_0.19.0-1_all.deb") == "tini_0.19.0-1_all.deb"


def test_linker_flags_name_the_version() -> None:
    flags = linker_flags("1.20.3").split()
    prefix = "k8s.io/kubernetes/vendor/k8s.io/"
    for package in ("component-base/version", "client-go/pkg/version"):
        for value in ("gitVersion=v1.20.3", "gitMajor=1", "gitMinor=20", "gitTreeState=clean"):
            assert f"{prefix}{package}.{value}" in flags
