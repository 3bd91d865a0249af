"""What a look tells of an earlier cluster, by the real sh: the part of the script that reads its files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from provisioner.world.look import HOST_SCRIPT, sections
from tests.patience import LONGEST_S

KUBELET_CONF = """\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: b3RoZXI=
    server: https://10.0.0.9:6443
  name: default-cluster
"""


def told(root: Path) -> dict[str, str]:
    """From the kubelet's CA on, with this test's places instead of the machine's."""
    begin = HOST_SCRIPT[HOST_SCRIPT.index("read -r mark") : HOST_SCRIPT.index("part host")]
    part = begin + HOST_SCRIPT[HOST_SCRIPT.index("part kubelet-ca") : HOST_SCRIPT.index("part listening")]
    for place in ("/etc/kubernetes", "/var/lib/etcd"):
        part = part.replace(place, f"{root}{place}")
    done = subprocess.run(["/bin/sh", "-euc", part], capture_output=True, text=True, check=False, timeout=LONGEST_S)
    assert (done.returncode, done.stderr) == (0, "")
    return {name: text.removesuffix("\n") for name, text in sections(done.stdout).items()}


def made(root: Path, *paths: str, text: str = "") -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def test_a_machine_without_any(tmp_path: Path) -> None:
    assert told(tmp_path) == {"kubelet-ca": "", "kubelet-server": "", "etcd": ""}


def test_which_cluster_a_kubelet_belongs_to(tmp_path: Path) -> None:
    made(tmp_path, "etc/kubernetes/kubelet.conf", text=KUBELET_CONF)
    found = told(tmp_path)
    assert (found["kubelet-ca"], found["kubelet-server"]) == ("b3RoZXI=", "https://10.0.0.9:6443")


@pytest.mark.parametrize(
    ("others", "names"),
    [
        ((), "member"),
        (("etc/kubernetes/admin.conf",), "member"),
        (("etc/kubernetes/manifests/etcd.yaml",), ""),
        (("var/lib/etcd/.hidden",), ".hidden\nmember"),
    ],
    ids=["alone", "beside an admin.conf", "beside etcd's manifest", "hidden"],
)
def test_data_that_belong_to_no_etcd_there(tmp_path: Path, others: tuple[str, ...], names: str) -> None:
    made(tmp_path, "var/lib/etcd/member/snap/db", *others)
    assert "\n".join(sorted(told(tmp_path)["etcd"].split())) == names


@pytest.mark.parametrize(("mark", "names"), [("etcd\n", ""), ("", "member")])
def test_data_that_a_reset_of_ours_will_take_along(tmp_path: Path, mark: str, names: str) -> None:
    """The mark remembers that they were ours; without that they were there before our try."""
    made(tmp_path, "var/lib/etcd/member/snap/db")
    made(tmp_path, "etc/kubernetes/provisioner/init-begun", text=mark)
    assert told(tmp_path)["etcd"] == names
