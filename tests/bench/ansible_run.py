"""The tasks as an Ansible playbook: pipelining, twenty forks, no facts gathered, the connection kept between runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from provisioner.errors import StepError
from provisioner.inventory.model import Cluster, Host
from tests.bench.measure import Program
from tests.bench.tasks import Kind, Task

FORKS = 20
_CHANGED = re.compile(r"changed=(\d+)")


def program(cluster: Cluster, tasks: Mapping[str, Sequence[Task]], work: Path, binaries: Path, python: str) -> Program:
    """Write inventory, files, playbook and settings into `work`; the command line that runs them."""
    hosts = {host.name: _host(host, tasks[host.name], work) for host in cluster.hosts}
    variables = {"ansible_python_interpreter": python}
    (work / "hosts.yaml").write_text(yaml.safe_dump({"all": {"vars": variables, "hosts": hosts}}))
    shape = [task.kind for task in next(iter(tasks.values()))]
    play = {"hosts": "all", "gather_facts": False, "tasks": [_task(kind, index) for index, kind in enumerate(shape)]}
    (work / "site.yaml").write_text(yaml.safe_dump([play], sort_keys=False))
    (work / "ansible.cfg").write_text(_settings(cluster.settings.ssh.known_hosts, work))
    argv = (str(binaries / "ansible-playbook"), "-i", "hosts.yaml", "site.yaml")
    path = f"{binaries}:/usr/local/bin:/usr/bin:/bin"
    return Program(argv, work, {"ANSIBLE_CONFIG": str(work / "ansible.cfg"), "PATH": path, "LC_ALL": "C.UTF-8"})


def round_trips(output: str, cluster: Cluster) -> int:
    """How often ssh ran a command on one host, from the output of a run with -vvv; the most of all hosts."""
    counted = Counter(re.findall(r"^<([^>]+)> SSH: EXEC", output, re.MULTILINE))
    return max(counted[host.address] for host in cluster.hosts)


def refuse_changes(output: str) -> None:
    """StepError when the run was not one that had nothing to do."""
    changed = sum(int(number) for number in _CHANGED.findall(output))
    if changed:
        raise StepError(f"Ansible changed {changed} things, so this was no run with nothing to do")


def _host(host: Host, tasks: Sequence[Task], work: Path) -> dict[str, object]:
    login = {"ansible_user": host.user, "ansible_ssh_private_key_file": host.private_key_file}
    wants = []
    for index, task in enumerate(tasks):
        source = work / "files" / host.name / str(index)
        want: dict[str, object] = {"name": task.name, "mode": task.mode, "names": list(task.names)}
        if task.kind is Kind.FILE:
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_text(task.value)
            want["source"] = str(source)
        else:
            want["value"] = task.value
        wants.append(want)
    return {
        "ansible_host": host.address,
        "ansible_port": host.port,
        "ansible_become": host.become,
        **{name: str(value) for name, value in login.items() if value},
        "wants": wants,
    }


def _task(kind: Kind, index: int) -> dict[str, object]:
    def it(what: str) -> str:
        return f"{{{{ wants[{index}].{what} }}}}"

    words = "names | join(' ')"
    copy = {"dest": it("name"), "src": it("source"), "mode": it("mode"), "owner": "root", "group": "root"}
    newly = "held.stdout_lines | reject('search', 'already set on hold') | length > 0"
    hold = {"register": "held", "changed_when": newly}
    setting = {"register": "now", "changed_when": f"now.stdout != wants[{index}].value"}
    modules: dict[Kind, dict[str, object]] = {
        # The modules for sysctl and modprobe are in collections outside ansible-core: a command costs the same.
        Kind.MODULE: {"ansible.builtin.shell": it("value"), "changed_when": False},
        Kind.SYSCTL: {"ansible.builtin.command": f"sysctl -n {it('name')}", **setting},
        Kind.FILE: {"ansible.builtin.copy": copy},
        Kind.PACKAGES: {"ansible.builtin.apt": {"name": it("names"), "state": "present"}},
        Kind.HOLD: {"ansible.builtin.command": f"apt-mark hold {it(words)}", **hold},
        Kind.SERVICE: {"ansible.builtin.systemd_service": {"name": it("name"), "enabled": True, "state": "started"}},
        Kind.NODE: {"ansible.builtin.command": {"cmd": it("value"), "creates": it("name")}},
    }
    return {"name": f"{index + 1} {kind}", **modules[kind]}


def _settings(known_hosts: Path | None, work: Path) -> str:
    own = f" -o UserKnownHostsFile={known_hosts}" if known_hosts else ""
    return (
        f"[defaults]\nforks = {FORKS}\nhost_key_checking = true\nnocolor = true\nlocal_tmp = {work / 'tmp'}\n"
        "[connection]\npipelining = true\n"
        f"[ssh_connection]\nssh_args = -C -o ControlMaster=auto -o ControlPersist=60s{own}\n"
        f"control_path_dir = {work / 'cp'}\n"
    )
