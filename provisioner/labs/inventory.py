"""The inventory of a lab: ordinary Ansible YAML, the same as for real servers. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import yaml

from provisioner.catalog.runtimes import Name, docker_for
from provisioner.inventory.model import Role
from provisioner.inventory.ssh import SSH_PORT
from provisioner.inventory.values import Version
from provisioner.labs import state
from provisioner.labs.machines import USER
from provisioner.labs.spec import KUBERNETES_VERSION, Machine

HEADER = """\
# The machines of the lab "{lab}" and the cluster on them. Made by `provisioner lab up` and yours to edit:
# what you change here is kept. File names are relative to this file.
"""


def text(lab: str, machines: Iterable[Machine], kubernetes: str = "") -> str:
    """The inventory file of `lab`; the runtime is Docker where the kubelet supports it directly."""
    members = tuple(machines)
    groups = {
        "control_plane": _group(members, Role.CONTROL_PLANE),
        "workers": _group(members, Role.WORKER),
    }
    data = {"all": {"vars": _variables(lab, Version.parse(kubernetes or KUBERNETES_VERSION)), "children": groups}}
    return HEADER.format(lab=lab) + yaml.safe_dump(data, sort_keys=False)


def _variables(lab: str, kubernetes: Version) -> dict[str, object]:
    return {
        "ansible_user": USER,
        "ansible_ssh_private_key_file": state.KEY,
        "ansible_become": True,
        "cluster": {
            "name": lab,
            "kubernetes_version": str(kubernetes),
            "runtime": {"type": "docker" if docker_for(kubernetes.minor) is Name.DOCKERSHIM else "containerd"},
            "network": {"type": "bridge"},
            "pod_cidr": "10.244.0.0/16",
            "service_cidr": "10.96.0.0/12",
            "package_source": {"type": "bundle", "path": "auto"},
            "ssh": {"known_hosts": state.KNOWN_HOSTS, "user_config": False},
            "nested": True,
        },
    }


def _group(machines: Iterable[Machine], role: Role) -> dict[str, object]:
    return {"hosts": {machine.name: _host(machine) for machine in machines if machine.role is role}}


def _host(machine: Machine) -> dict[str, object]:
    address = str(machine.address)
    variables: dict[str, object] = {"ansible_host": machine.ssh_host}
    variables |= {} if machine.ssh_port == SSH_PORT else {"ansible_port": machine.ssh_port}
    # A machine that is reached through a published port still talks to the others from its own address.
    return variables | ({} if machine.ssh_host == address else {"node_ip": address})


def known_hosts(machine: Machine, keys: Iterable[str]) -> str:
    """The lines of a known_hosts file for one machine, under the name ssh looks it up by."""
    return known_host(machine.ssh_host, machine.ssh_port, keys)


def known_host(address: str, port: int, keys: Iterable[str]) -> str:
    """The lines for whatever answers at that address and port."""
    name = address if port == SSH_PORT else f"[{address}]:{port}"
    return "".join(f"{name} {key}\n" for key in keys)
