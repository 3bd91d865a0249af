"""Settings at boot and modes, by the real sh: which file wins, what is commented out, what is closed."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from provisioner.core.command import Command
from provisioner.core.resource import Change
from provisioner.resources.kernel import SysctlsAtBoot
from provisioner.resources.modes import Modes
from tests.builders import ok
from tests.patience import LONGEST_S

FORWARD = "net.ipv4.ip_forward"
DESIRED = SysctlsAtBoot(
    ((FORWARD, "1"), ("net.bridge.bridge-nf-call-iptables", "1")), "/etc/sysctl.d/99-provisioner.conf"
)


def run(command: Command, root: Path) -> str:
    """A command whose directories lie below `root`."""
    words = [_below(word, root) for word in command.argv]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=LONGEST_S)
    assert done.returncode == 0, done
    return done.stdout


def _below(text: str, root: Path) -> str:
    """The script's own directories, as words of it."""
    if text.startswith(str(root)):
        return text
    for name in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"):
        text = text.replace(f" {name} ", f" {root}{name} ").replace(f" {name};", f" {root}{name};")
        text = text.replace(f"{name}/*)", f"{root}{name}/*)").replace(f"{name}/* |", f"{root}{name}/* |")
    return text.replace("to=/etc", f"to={root}/etc")


def change(root: Path) -> Change | None:
    return DESIRED.diff(ok(run(DESIRED.probe(), root)), set())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("etc", "run", "usr/lib", "usr/local/lib"):
        (tmp_path / name / "sysctl.d").mkdir(parents=True)
    (tmp_path / "etc/sysctl.d/99-provisioner.conf").write_text(f"{FORWARD} = 1\n")
    return tmp_path


def settle(root: Path) -> str:
    """The diff, without where this test lies; nothing is left afterwards."""
    found = change(root)
    assert found
    for command in found.commands:
        run(command, root)
        run(command, root)
    assert change(root) is None
    return found.diff.replace(str(root), "")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("etc/sysctl.d/10-early.conf", f"{FORWARD} = 0\n"),
        ("usr/lib/sysctl.d/50-default.conf", f"{FORWARD}=0\n"),
        ("etc/sysctl.d/99-zz.conf", f"{FORWARD}=1\nnet.ipv4.conf.all.rp_filter=0\n"),
        ("etc/sysctl.d/99-zz.conf", f"{FORWARD} = 0\n{FORWARD} = 1\n"),
        ("etc/sysctl.d/99-zz.conf", f"#{FORWARD} = 0\n; {FORWARD}=0\n"),
        ("etc/sysctl.d/99-zz", f"{FORWARD} = 0\n"),
        ("usr/lib/sysctl.d/99-provisioner.conf", f"{FORWARD} = 0\n"),
    ],
    ids=range(7),
)
def test_what_does_not_undo_ours_is_left_alone(name: str, text: str, root: Path) -> None:
    (root / name).write_text(text)
    assert change(root) is None


@pytest.mark.parametrize(
    "line", [f"{FORWARD}=0", f"  -{FORWARD} =\t0", "net/ipv4/ip_forward = 0", f"{FORWARD} = 0 'a\\b' $(id) \"c\""]
)
def test_a_later_line_is_commented_out_and_nothing_else(line: str, root: Path) -> None:
    path = root / "etc/sysctl.d/99-zz.conf"
    path.write_text(f"# ours\n{line}\nvm.swappiness = 1\n")
    path.chmod(0o640)
    assert settle(root) == f"-/etc/sysctl.d/99-zz.conf: {line}\n+/etc/sysctl.d/99-zz.conf: # {line}\n".replace(
        "\t", "\t"
    )
    assert path.read_text() == f"# ours\n# {line}  # commented out by provisioner\nvm.swappiness = 1\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(path.parent)) == ["99-provisioner.conf", "99-zz.conf"]


def test_a_link_is_followed_as_on_debian_to_sysctl_conf(root: Path) -> None:
    (root / "etc/sysctl.conf").write_text(f"{FORWARD}=0\n")
    (root / "etc/sysctl.d/99-sysctl.conf").symlink_to("../sysctl.conf")
    settle(root)
    assert (root / "etc/sysctl.d/99-sysctl.conf").is_symlink()
    assert (root / "etc/sysctl.conf").read_text().startswith("# ")


def test_a_file_of_a_package_is_hidden_by_a_copy(root: Path) -> None:
    packaged = root / "usr/lib/sysctl.d/99-vendor.conf"
    packaged.write_text(f"{FORWARD}=0\nnet.bridge.bridge-nf-call-iptables = 0\nvm.swappiness = 1\n")
    settle(root)
    assert packaged.read_text().startswith(FORWARD)
    copy = (root / "etc/sysctl.d/99-vendor.conf").read_text()
    assert [line for line in copy.splitlines() if not line.startswith("#")] == ["vm.swappiness = 1"]


def test_modes_are_narrowed_directories_first_and_links_are_left_alone(tmp_path: Path) -> None:
    manifests, pki = tmp_path / "manifests", tmp_path / "pki"
    for directory in (manifests, pki):
        directory.mkdir(mode=0o755)
    (tmp_path / "admin.conf").touch(0o644)
    (tmp_path / "outside").mkdir(mode=0o700)
    open_file = pki / "ca.crt"
    open_file.touch()
    open_file.chmod(0o666)
    manifests.chmod(0o777)
    (pki / "link.crt").symlink_to(tmp_path / "outside")
    want = Modes((str(tmp_path),))
    listed = run(want.probe(), tmp_path)
    user = f"{tmp_path.owner()}:{tmp_path.group()}"
    found = want.diff(ok(listed.replace(user, "root:root")), set())
    assert found
    assert found.diff.replace(str(tmp_path), "") == (
        "-0777 root:root /manifests\n+0755 root:root /manifests\n"
        "-0666 root:root /pki/ca.crt\n+0644 root:root /pki/ca.crt\n"
    )
    for command in found.commands:
        run(Command(tuple(user.partition(":")[0] if word == "root" else word for word in command.argv)), tmp_path)
    assert want.diff(ok(run(want.probe(), tmp_path).replace(user, "root:root")), set()) is None
    assert shlex.join(found.commands[0].argv[-2:]) == f"{manifests} {open_file}"


def test_a_name_with_a_line_break_cannot_lead_elsewhere() -> None:
    seen = "644 root:root f /etc/kubernetes/x\n777 joe:joe f /etc/shadow\n666 a:b f /etc/kubernetes/../shadow\n"
    assert Modes().diff(ok(seen), set()) is None
