"""Security as it is in fact: what a real bring-up with planted secrets has left in all the places one can look."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from tests.e2e.world import PLANTED_KEY, Said, World

pytestmark = pytest.mark.e2e

# Secrets by their purpose, for their owner alone.
OWN_PLACES = {"id_ed25519", "kubeconfig"}
# Named pipes and other mounts are left out; binary files are searched as well, in all places that a run might write to.
SEARCH = """
cat >/root/secrets
find /etc /root /home /opt /run /srv /tmp /usr/local /var/lib/provisioner /var/log /var/tmp -xdev -type f \
  ! -path '*/.kube/config' ! -path '/etc/kubernetes/*' ! -path /root/secrets -exec grep -laFf /root/secrets {} + || :
journalctl --output=cat --no-pager | grep -qFf /root/secrets && echo the journal
rm /root/secrets
"""


@pytest.fixture(scope="module")
def secrets(lab: World) -> set[str]:
    """The planted join token's secret half, and pieces of every key that kubeadm has made."""
    keys = lab.shell("cp1", "cat /etc/kubernetes/pki/*.key /etc/kubernetes/pki/etcd/*.key")
    lines = {line for line in keys.splitlines() if len(line) == 64}
    assert len(lines) > 50
    admin = yaml.safe_load(lab.shell("cp1", "cat /etc/kubernetes/admin.conf"))["users"][0]["user"]
    return {PLANTED_KEY, admin["client-key-data"][:64], *lines}


def texts_below(root: Path) -> dict[str, str]:
    """Every file's text by its path below `root`; other labs are at work there, and take files of theirs away."""
    texts = {}
    for directory, _, names in os.walk(root):
        for path in (Path(directory, name) for name in names if name not in OWN_PLACES):
            with suppress(FileNotFoundError):
                if path.is_file():
                    texts[str(path.relative_to(root))] = path.read_bytes().decode(errors="replace")
    return texts


def found(places: dict[str, str], secrets: set[str]) -> dict[str, str]:
    return {place: secret for place, text in places.items() for secret in secrets if secret in text}


def test_secrets_are_in_no_argument_and_no_output(lab: World, secrets: set[str]) -> None:
    up: Said = lab.notes["up"]
    places = {
        "arguments of processes": "\n".join(lab.notes["arguments"]),
        "standard output": up.stdout,
        "standard error": up.stderr,
        "plan": lab.notes["plan"].stdout,
        **{f"open to all on {machine}": "\n".join(lines) for machine, lines in lab.notes["seen"].items()},
    }
    assert any("kubeadm" in arguments for arguments in lab.notes["arguments"]), "the watcher saw nothing"
    assert any("run=" in line for line in lab.notes["seen"]["cp1"]), "the lock was not seen"
    assert found(places, secrets) == {}


def test_secrets_are_in_no_file_that_a_run_keeps(lab: World, secrets: set[str]) -> None:
    """Logs, saved plans, the inventory, the marks of runs."""
    places = texts_below(lab.inventory.parents[2])
    assert any(name.endswith("fresh.plan") for name in places)
    assert any("kubeadm join" in text for name, text in places.items() if name.startswith("logs"))
    assert found(places, secrets) == {}


def test_secrets_are_in_no_log_on_the_machines(lab: World, secrets: set[str]) -> None:
    """What they keep by themselves, the journal among it; what a run writes down for its own sake."""
    for machine in lab.machines:
        patterns = "\n".join(sorted(secrets))
        script = f"secrets='{patterns}'\n" + SEARCH.replace("cat >", "printf '%s\\n' \"$secrets\" >")
        assert lab.shell(machine, script, check=False) == "", machine


def test_the_bundle_is_served_on_loopback_and_only_during_a_run(lab: World) -> None:
    during = lab.notes["seen"]["w1"]
    (port,) = {match[1] for line in during if (match := re.match(r"http://127.0.0.1:(\d+)$", line))}
    listening = {match[1] for line in during if (match := re.search(r"(\S+) +\S+ +users:\(\(\"sshd\"", line))}
    assert listening == {"0.0.0.0:22", "[::]:22", f"127.0.0.1:{port}"}
    for machine in lab.machines:
        assert "sshd" not in lab.shell(machine, "ss -Hltnp 'src 127.0.0.1'")
        assert lab.shell(machine, "ls -d /run/provisioner /var/lib/provisioner/run 2>/dev/null || :") == ""


def test_files_with_secrets_are_root_only(lab: World) -> None:
    modes = lab.shell("cp1", "stat -c '%a' /etc/kubernetes/*.conf /etc/kubernetes/pki/*.key")
    assert set(modes.split()) == {"600"}
