"""What a lab hands over: an inventory that Ansible understands, host keys, an ssh call."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

import yaml

from provisioner.core.report import Event, Note
from provisioner.inventory.model import ClusterSettings, HostVariables
from provisioner.labs import handover, inventory, state
from provisioner.labs.spec import LabSpec, machines

SUBNET = IPv4Network("10.213.7.0/24")
MACHINES = machines(LabSpec(), SUBNET)
PUBLISHED = machines(LabSpec(ssh_port=22022), SUBNET)


def test_the_inventory_is_ansible_yaml_with_the_cluster_in_it() -> None:
    text = inventory.text("dev", MACHINES)
    data = yaml.safe_load(text)["all"]
    assert data["children"]["control_plane"]["hosts"] == {"cp1": {"ansible_host": "10.213.7.11"}}
    assert list(data["children"]["workers"]["hosts"]) == ["w1", "w2"]
    assert data["vars"]["cluster"]["name"] == "dev"
    assert text.startswith('# The machines of the lab "dev"')


def test_every_variable_is_one_the_model_knows() -> None:
    data = yaml.safe_load(inventory.text("dev", PUBLISHED))["all"]
    settings = ClusterSettings.model_validate(data["vars"].pop("cluster"))
    assert settings.nested
    assert settings.ssh.known_hosts == Path("known_hosts")
    for hosts in data["children"].values():
        for variables in hosts["hosts"].values():
            HostVariables.model_validate({**data["vars"], **variables})


def test_published_machines_keep_their_own_address_for_the_cluster() -> None:
    data = yaml.safe_load(inventory.text("dev", PUBLISHED))["all"]["children"]
    assert data["workers"]["hosts"]["w1"] == {
        "ansible_host": "127.0.0.1",
        "ansible_port": 22122,
        "node_ip": "10.213.7.129",
    }


def test_known_hosts_has_the_name_ssh_looks_up() -> None:
    assert inventory.known_hosts(MACHINES[0], ["ssh-ed25519 AAAA"]) == "10.213.7.11 ssh-ed25519 AAAA\n"
    published = inventory.known_hosts(PUBLISHED[0], ["ssh-ed25519 AAAA", "ssh-rsa BBBB"])
    assert published == "[127.0.0.1]:22022 ssh-ed25519 AAAA\n[127.0.0.1]:22022 ssh-rsa BBBB\n"


def test_ssh_is_strict_and_uses_only_what_the_lab_gives() -> None:
    argv = handover.ssh_command(Path("/with blank/dev"), PUBLISHED[1])
    assert argv[0] == "ssh"
    assert argv[-3:] == ["-p", "22122", "admin@127.0.0.1"]
    assert 'UserKnownHostsFile="/with blank/dev/known_hosts"' in argv
    assert "StrictHostKeyChecking=yes" in argv


def test_an_edited_inventory_is_kept_and_a_fresh_one_is_replaced(tmp_path: Path) -> None:
    events: list[Event] = []
    path = tmp_path / state.INVENTORY
    handover.write_inventory(tmp_path, MACHINES[:2], events.append)
    handover.write_inventory(tmp_path, MACHINES, events.append)
    assert path.read_text() == inventory.text(tmp_path.name, MACHINES)
    assert events == []

    mine = path.read_text().replace("10.96.0.0/12", "10.97.0.0/16")
    path.write_text(mine)
    handover.write_inventory(tmp_path, MACHINES, events.append)
    assert events == []
    handover.write_inventory(tmp_path, MACHINES[:2], events.append)
    assert path.read_text() == mine
    assert len(events) == 1
    assert isinstance(events[0], Note)
    assert str(path) in events[0].text
