"""Files: made, changed, corrected, removed, copied; and nothing else in their directory afterwards."""

from __future__ import annotations

import pytest

from provisioner.inventory.values import Secret
from provisioner.resources.files import Absent, File, PrivateCopy
from provisioner.resources.hosts import Named
from provisioner.resources.kernel import SysctlsAtBoot
from provisioner.resources.modes import Modes
from provisioner.runtimes.others import FILES
from tests.contract.subject import HOST, Subject

DIRECTORY = "/etc/contract/deep"
ODD = "".join(chr(code) for code in range(32, 0x250)) + "\n'\"$(touch /tmp/pwned)`\n\n"


def test_a_file_is_made_changed_and_corrected(subject: Subject) -> None:
    want = File(f"{DIRECTORY}/a 'file'", ODD)
    assert subject.settle(want).startswith("create")
    subject.hands.put(want.path, "other")
    assert subject.settle(want).startswith("change")
    subject.hands.put(want.path, ODD, "600", "admin:root")
    assert subject.settle(want) == f"set {want.path} to 644 root:root (is 600 admin:root)"
    assert subject.hands.read(want.path) == ODD
    assert subject.hands.names(DIRECTORY) == {"a 'file'"}
    assert "pwned" not in subject.hands.names("/tmp")


@pytest.mark.parametrize("text", ["", "no line end", "\n\n"])
def test_every_text_can_be_a_file(subject: Subject, text: str) -> None:
    subject.hands.remove("/etc/contract/odd")
    subject.settle(File("/etc/contract/odd", text, mode=0o755, owner="admin:admin"))
    assert (subject.hands.read("/etc/contract/odd"), subject.hands.head("/etc/contract/odd")) == (
        text,
        "755 admin:admin",
    )


def test_a_secret_is_compared_without_being_told(subject: Subject) -> None:
    want = File("/etc/contract/key", Secret("hunter2\n", "the key"), mode=0o600)
    subject.settle(want)
    assert subject.hands.head(want.path) == "600 root:root"
    (seen,) = subject.run(want.probe())
    assert "hunter2" not in seen.stdout
    subject.hands.put(want.path, "other\n", "600")
    assert subject.settle(want) == f"change {want.path}"
    assert subject.hands.read(want.path) == "hunter2\n"


def test_half_a_file_that_a_killed_run_has_left_goes(subject: Subject) -> None:
    half = f"{DIRECTORY}/.slow.provisioner"
    subject.hands.put(half, "half of it", "666")
    subject.settle(File(f"{DIRECTORY}/slow", Secret("all of it", "x"), mode=0o600))
    assert subject.hands.names(DIRECTORY).isdisjoint({".slow.provisioner"})
    assert subject.hands.head(f"{DIRECTORY}/slow") == "600 root:root"


def test_a_file_that_must_not_be_there_goes(subject: Subject) -> None:
    want = Absent("/etc/contract/old")
    assert subject.change(want) is None
    subject.hands.put(want.path, "old")
    assert subject.settle(want) == f"remove {want.path}"
    assert subject.hands.head(want.path) == ""


def test_somebody_else_s_file_is_kept_once(subject: Subject) -> None:
    want = File("/etc/contract/kept/daemon.json", "ours\n", keeps=True)
    kept = f"{want.path}.before-provisioner"
    subject.hands.put(want.path, "theirs\n", "640", "admin:root")
    assert subject.settle(want) == f"change {want.path}, and keep the existing file as daemon.json.before-provisioner"
    assert (subject.hands.read(kept), subject.hands.head(kept)) == ("theirs\n", "640 admin:root")
    subject.hands.put(want.path, "changed later\n")
    subject.settle(want)
    assert (subject.hands.read(want.path), subject.hands.read(kept)) == ("ours\n", "theirs\n")
    assert subject.hands.names("/etc/contract/kept") == {"daemon.json", "daemon.json.before-provisioner"}


def test_a_runtime_s_configuration_is_told_until_it_is_kept(subject: Subject) -> None:
    path = FILES["docker"]
    subject.hands.put(path, '{"dns": []}\n')
    assert subject.look().observed.states[HOST].runtime_files[path].strip() == '{"dns": []}'
    subject.hands.put(f"{path}.before-provisioner", "theirs")
    assert path not in subject.look().observed.states[HOST].runtime_files
    for name in (path, f"{path}.before-provisioner"):
        subject.hands.remove(name)


CLUSTER = "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {}\n"


def test_a_private_copy_is_its_user_s_alone(subject: Subject) -> None:
    want = PrivateCopy("/etc/contract/conf", "/home/admin/.contract/conf", "admin")
    one, two = (CLUSTER.format("b3Vycw==") + f"users: [{name}]\n" for name in ("one", "two"))
    subject.hands.put(want.source, one)
    subject.settle(want)
    assert subject.hands.read(want.path) == one
    assert subject.hands.head(want.path) == "600 admin:admin"
    subject.hands.put(want.source, two)
    subject.settle(want)
    subject.hands.put(want.path, two, "644", "admin:admin")
    subject.settle(want)
    assert subject.hands.names("/home/admin/.contract") == {"conf"}


@pytest.mark.parametrize(
    "theirs",
    [
        CLUSTER.format("dGhlaXJz"),
        CLUSTER.format("b3Vycw==") + "- cluster:\n    certificate-authority: /elsewhere/ca.crt\n",
        "apiVersion: v1\nclusters: []\n",
    ],
    ids=["of another cluster", "of this one and another", "of none"],
)
def test_a_kubeconfig_of_another_cluster_is_kept(subject: Subject, theirs: str) -> None:
    want = PrivateCopy("/etc/contract/conf", "/home/admin/.other/conf", "admin")
    ours, kept = CLUSTER.format("b3Vycw=="), f"{want.path}.before-provisioner"
    for path in (want.path, kept):
        subject.hands.remove(path)
    subject.hands.put(want.source, ours)
    subject.hands.put(want.path, theirs, "600", "admin:admin")
    assert subject.settle(want).endswith(", and keep the existing file as conf.before-provisioner")
    assert (subject.hands.read(want.path), subject.hands.read(kept)) == (ours, theirs)
    assert subject.hands.head(kept) == "600 admin:admin"
    subject.hands.put(want.path, theirs, "600", "admin:admin")
    assert "keep" not in subject.settle(want)


def test_a_copy_of_what_is_not_there_yet_is_desired_for(subject: Subject) -> None:
    assert subject.change(PrivateCopy("/etc/contract/nothing", "/home/admin/.contract/nothing", "admin"))


def test_a_name_is_written_where_it_cannot_be_looked_up_or_leads_to_the_machine_itself(subject: Subject) -> None:
    """Debian's installer writes `127.0.1.1 NAME`; in a container the file is mounted, and cannot be replaced."""
    before = subject.hands.read("/etc/hosts")
    subject.hands.put("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 cp1.contract cp1\n")
    assert subject.change(Named("localhost", "10.0.0.1"))
    want = Named("cp1.contract", "10.0.0.1")
    assert subject.settle(want) == "write cp1.contract into /etc/hosts (it resolves to 127.0.1.1 there)"
    lines = ["10.0.0.1 cp1.contract # provisioner", "127.0.0.1 localhost", "127.0.1.1 cp1"]
    assert subject.hands.read("/etc/hosts").splitlines() == lines
    assert subject.settle(Named("api.contract", "10.0.0.2")).endswith("(it does not resolve there)")
    assert subject.change(Named("api.contract", "10.9.9.9")) is None, "it leads elsewhere, which somebody has desired"
    subject.hands.put("/etc/hosts", before)


def test_a_line_that_would_undo_a_setting_at_boot_is_commented_out(subject: Subject) -> None:
    want = SysctlsAtBoot((("net.ipv4.ip_forward", "1"),), "/etc/sysctl.d/99-contract.conf")
    subject.hands.put("/etc/sysctl.d/99-contract.conf", "net.ipv4.ip_forward = 1\n")
    subject.hands.put("/etc/sysctl.d/99-zz.conf", "net.ipv4.ip_forward=0\nkernel.panic = 5\n", "640")
    assert subject.settle(want).endswith("in /etc/sysctl.d/99-zz.conf")
    text = "# net.ipv4.ip_forward=0  # commented out by provisioner\nkernel.panic = 5\n"
    assert subject.hands.read("/etc/sysctl.d/99-zz.conf") == text
    assert subject.hands.head("/etc/sysctl.d/99-zz.conf") == "640 root:root"
    subject.hands.put("/usr/lib/sysctl.d/99-zy.conf", "net.ipv4.ip_forward=0\n")
    subject.settle(want)
    assert subject.hands.read("/usr/lib/sysctl.d/99-zy.conf") == "net.ipv4.ip_forward=0\n"
    for path in ("/etc/sysctl.d/99-contract.conf", "/etc/sysctl.d/99-zz.conf", "/etc/sysctl.d/99-zy.conf"):
        subject.hands.remove(path)
    subject.hands.remove("/usr/lib/sysctl.d/99-zy.conf")


def test_what_is_too_open_is_closed(subject: Subject) -> None:
    place = "/etc/kubernetes/contract"
    want = Modes((place,))
    assert subject.change(want) is None
    for name, mode, owner in (
        ("a.conf", "644", "root:root"),
        ("b.key", "600", "admin:admin"),
        ("c.crt", "666", "root:root"),
    ):
        subject.hands.put(f"{place}/{name}", "x", mode, owner)
    assert subject.settle(want) == f"restrict the permissions of {place}/a.conf and 2 more to root"
    heads = [subject.hands.head(f"{place}/{name}") for name in ("a.conf", "b.key", "c.crt")]
    assert heads == ["600 root:root", "600 root:root", "644 root:root"]
    for name in ("a.conf", "b.key", "c.crt"):
        subject.hands.remove(f"{place}/{name}")
