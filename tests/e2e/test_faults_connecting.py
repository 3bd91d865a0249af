"""Machines that cannot be reached or do not let us in: each a clear answer, and the others are worked on."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.e2e.conftest import FINGERPRINT
from tests.e2e.faults import address, damaged, known_hosts, refused, said_clearly, settings, without, workers
from tests.e2e.slow_link import slow_link
from tests.e2e.world import Said, World, provisioner

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("counted_fault")]

# Each way: half a second from a question to its answer.
SLOW_S = 0.25


def test_a_machine_that_does_not_answer_is_left_out(grown: World) -> None:
    """It is named with what to do; the others are brought where they should be; the exit code says it is not all."""
    document = without(grown, "w4")
    workers(document)["w3"]["ansible_host"] = address(grown, "w3").rpartition(".")[0] + ".250"
    settings(document)["ssh"]["connect_timeout_s"] = 3
    before = grown.shell("w3", FINGERPRINT)
    grown.shell("w1", "apt-mark unhold kubelet")
    with grown.other_inventory(document) as path:
        said = said_clearly(provisioner("apply", "-i", str(path)), 4, "w3", "no answer within 3 s", "→")
        assert "w1 hold kubelet" in " ".join(said.stdout.split()), said
        again = provisioner("plan", "-i", str(path), "--json")
    assert again.code == 4, again
    assert again.planned == [], again
    assert {name: told["failed"] for name, told in again.report["hosts"].items() if "failed" in told} == {"w3": 1}
    assert grown.shell("w3", FINGERPRINT) == before


def test_a_port_where_nothing_listens(grown: World) -> None:
    document = without(grown, "w4")
    workers(document)["w3"]["ansible_port"] = 2222
    refused(grown, document, 4, "w3", "2222", "ansible_port")


def test_a_refused_login(grown: World, tmp_path: Path) -> None:
    key = tmp_path / "other"
    key.touch(mode=0o600)
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    document = without(grown, "w4")
    workers(document)["w3"]["ansible_ssh_private_key_file"] = str(key)
    refused(grown, document, 4, "w3", "refused", "authorized_keys")


def test_a_changed_host_key(grown: World) -> None:
    lines = (grown.inventory.parent / "known_hosts").read_text().splitlines()
    w1, w3 = address(grown, "w1"), address(grown, "w3")
    stolen = [line.replace(f"{w1} ", f"{w3} ", 1) for line in lines if line.startswith(f"{w1} ")]
    others = [line for line in lines if not line.startswith(f"{w3} ")]
    with known_hosts(grown, "\n".join([*others, *stolen]) + "\n"):
        refused(grown, without(grown, "w4"), 4, "w3", "CHANGED", "ssh-keygen -R")


def test_an_unknown_host_key_is_confirmed_once(grown: World) -> None:
    with known_hosts(grown, ""):
        said = refused(grown, without(grown, "w3", "w4"), 4, "not known", "provisioner trust")
        assert "SHA256:" in said.stderr
        trusted = grown.run("trust", "--yes")
        assert trusted.code == 0, trusted
        assert trusted.stdout.count("SHA256:") == 5
        assert grown.run("run", "--", "true").code == 0


def test_machines_are_reached_through_a_jump_host(grown: World) -> None:
    document = grown.document()
    w1 = address(grown, "w1")
    settings(document)["ssh"]["jump_host"] = f"admin@{w1}"
    with grown.other_inventory(document) as path:
        said = provisioner("run", "-i", str(path), "--limit", "w2", "--", "ss -Htn sport = :22")
        with known_hosts(grown, ""):
            trusted = provisioner("trust", "-i", str(path), "--limit", "w2", "--yes")
            again = provisioner("run", "-i", str(path), "--limit", "w2", "--", "true")
    assert said.code == 0, said
    assert f"{w1}:" in said.stdout, said
    assert trusted.code == 0, trusted
    assert [line.split(":")[0] for line in trusted.stdout.splitlines() if "SHA256" in line] == [f"jump host {w1}", "w2"]
    assert again.code == 0, again


def test_a_jump_host_of_the_user_s_own_configuration(grown: World, tmp_path: Path) -> None:
    """Paramiko and OpenSSH go the same way, and both refuse the jump host while its key is not known."""
    w1, w2 = address(grown, "w1"), address(grown, "w2")
    (tmp_path / ".ssh").mkdir(mode=0o700)
    login = f"  IdentityFile {grown.inventory.parent / 'id_ed25519'}\n  StrictHostKeyChecking no\n"
    (tmp_path / ".ssh" / "config").write_text(f"Host {w2}\n  ProxyJump admin@{w1}\nHost *\n{login}")
    document = grown.document()
    settings(document)["ssh"]["user_config"] = True
    lines = (grown.inventory.parent / "known_hosts").read_text().splitlines(keepends=True)
    with grown.other_inventory(document) as path:

        def said(*words: str) -> Said:
            return provisioner(words[0], "-i", str(path), *words[1:], environment={"HOME": str(tmp_path)})

        for way in (
            said("run", "--limit", "w2", "--", "ss -Htn sport = :22"),
            said("ssh", "w2", "ss -Htn sport = :22"),
        ):
            assert way.code == 0, way
            assert f"{w1}:" in way.stdout, way
        with known_hosts(grown, "".join(line for line in lines if not line.startswith(f"{w1} "))):
            said_clearly(said("run", "--limit", "w2", "--", "true"), 4, f"jump host {w1}", "is not known")
            by_hand = said("ssh", "w2", "true")
            assert by_hand.code == 255, by_hand
            assert "Host key verification failed" in by_hand.stderr, by_hand


def test_an_sshd_that_lets_in_one_at_a_time(grown: World) -> None:
    """Five logins at once through a jump host that hangs up on all but the first: they come back, and get in."""
    document = grown.document()
    settings(document)["ssh"]["jump_host"] = f"admin@{address(grown, 'w1')}"
    place = "/etc/ssh/sshd_config.d/crowd.conf"
    crowd = f"echo 'MaxStartups 1:100:1' >{place}; systemctl reload ssh"
    with (
        damaged(grown, "w1", crowd, f"rm {place}; systemctl reload ssh"),
        grown.other_inventory(document) as path,
    ):
        said = provisioner("run", "-i", str(path), "--json", "--", "hostname")
        turned_away = grown.shell("w1", "journalctl -u ssh --since -1min -o cat | grep -c 'MaxStartups' || :")
    assert said.code == 0, said
    assert int(turned_away) > 0


def test_an_sshd_that_allows_one_session_per_connection(grown: World) -> None:
    """The run lock is renewed (every 10 s) while the run waits in the only session; verify works, too."""
    place = "/etc/ssh/sshd_config.d/sessions.conf"
    one = f"echo 'MaxSessions 1' >{place}; systemctl reload ssh"
    grown.shell("cp1", "rm /etc/sysctl.d/99-provisioner.conf")
    with (
        damaged(grown, "cp1", one, f"rm {place}; systemctl reload ssh"),
        grown.other_inventory(without(grown, "w3", "w4")) as path,
    ):
        grown.shell("cp1", "setsid sh -c 'exec 9>>/run/provisioner.lock; flock 9; exec sleep 15' >/dev/null 2>&1 &")
        done = provisioner("apply", "-i", str(path), "--json")
        verified = provisioner("verify", "-i", str(path))
    assert done.code == 0, done
    assert done.changed == [("cp1", "create /etc/sysctl.d/99-provisioner.conf (0644)")], done
    assert "run lock" not in done.stdout + done.stderr, done
    assert verified.code == 0, verified


def test_a_slow_line(grown: World) -> None:
    """Half a second for every question and its answer: right all the same, at the price of the round trips."""
    w1 = address(grown, "w1")
    document = without(grown, "w3", "w4")
    known = (grown.inventory.parent / "known_hosts").read_text()
    keys = [line.partition(" ")[2] for line in known.splitlines() if line.startswith(f"{w1} ")]
    with slow_link(w1, 22, SLOW_S) as port:
        workers(document)["w1"] |= {"ansible_host": "127.0.0.1", "ansible_port": port, "node_ip": w1}
        slow = "".join(f"[127.0.0.1]:{port} {key}\n" for key in keys)
        grown.shell("w1", "rm /etc/sysctl.d/99-provisioner.conf")
        with known_hosts(grown, known + slow), grown.other_inventory(document) as path:
            done = provisioner("apply", "-i", str(path), "--json")
            quiet = provisioner("apply", "-i", str(path), "--json")
    assert done.code == 0, done
    assert done.changed == [("w1", "create /etc/sysctl.d/99-provisioner.conf (0644)")], done
    assert quiet.report["changed"] == 0, quiet
    assert quiet.report["hosts"]["w1"]["round_trips"] == 2
    for said in (done, quiet):
        told = said.report["hosts"]["w1"]
        print(f"{told['round_trips']} batches over a line of {2 * SLOW_S} s: {told['seconds']} s")


def test_sudo_that_asks_for_a_password(grown: World) -> None:
    damage = "grep -rl NOPASSWD /etc/sudoers.d | xargs sed -i.kept 's/NOPASSWD://'; rm -f /etc/sudoers.d/*.kept"
    with damaged(grown, "w3", damage, "sed -i 's/ALL$/NOPASSWD:ALL/' /etc/sudoers.d/*; visudo -cq"):
        refused(grown, without(grown, "w4"), 4, "w3", "sudo asks for a password", "NOPASSWD")
    assert grown.run("run", "--limit", "w3", "--", "id -u").code == 0


def test_a_machine_without_sudo(grown: World) -> None:
    with damaged(grown, "w3", "mv /usr/bin/sudo /root/", "mv /root/sudo /usr/bin/"):
        refused(grown, without(grown, "w4"), 4, "w3", "sudo", "→")


def test_a_user_who_is_not_root(grown: World) -> None:
    document = without(grown, "w4")
    workers(document)["w3"]["ansible_become"] = False
    refused(grown, document, 3, "w3", "root", "ansible_become")


def test_a_user_whose_shell_runs_nothing(grown: World) -> None:
    with damaged(grown, "w3", "usermod -s /usr/sbin/nologin admin", "usermod -s /bin/bash admin"):
        refused(grown, without(grown, "w4"), 4, "w3", "login shell", "nologin")


def test_a_user_whose_shell_is_not_posix(grown: World, tmp_path: Path) -> None:
    """tcsh knows neither `2>&1` nor `$(...)`: nothing of ours may depend on the login shell."""
    if shutil.which("apt-get") is None:
        pytest.skip("a package of tcsh comes from this machine's apt")
    subprocess.run(["apt-get", "download", "tcsh"], cwd=tmp_path, check=True, capture_output=True)
    (package,) = tmp_path.glob("tcsh_*.deb")
    container = f"provisioner-lab-{grown.name}-w1"
    subprocess.run(["docker", "cp", str(package), f"{container}:/root/tcsh.deb"], check=True, capture_output=True)
    install = "dpkg -i /root/tcsh.deb; usermod -s /usr/bin/tcsh admin"
    with damaged(grown, "w1", install, "usermod -s /bin/bash admin; dpkg -P tcsh; rm /root/tcsh.deb"):
        grown.shell("w1", "su admin -c 'echo $tcsh' | grep -q '[0-9]'; apt-mark unhold kubelet")
        with grown.other_inventory(without(grown, "w3", "w4")) as path:
            done = provisioner("apply", "-i", str(path), "--json")
    assert done.code == 0, done
    assert done.changed == [("w1", "hold kubelet")], done
