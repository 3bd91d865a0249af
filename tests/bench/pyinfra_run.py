"""The tasks as a pyinfra deploy: its inventory, and the data that pyinfra_deploy.py turns into operations."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from provisioner.errors import StepError
from provisioner.inventory.model import Cluster, Host
from tests.bench.measure import Program
from tests.bench.tasks import Task

DEPLOY = Path(__file__).with_name("pyinfra_deploy.py")


def program(cluster: Cluster, tasks: Mapping[str, Sequence[Task]], work: Path, binaries: Path) -> Program:
    """Write inventory and data into `work`; the command line that runs the deploy."""
    known_hosts = cluster.settings.ssh.known_hosts
    hosts = [(host.name, _data(host, known_hosts, tasks[host.name])) for host in cluster.hosts]
    text = f"import json\nhosts = [tuple(host) for host in json.loads({json.dumps(hosts)!r})]\n"
    (work / "inventory.py").write_text(text)
    (work / "deploy.py").write_text(DEPLOY.read_text())
    return Program((str(binaries / "pyinfra"), "-y", "inventory.py", "deploy.py"), work)


def _data(host: Host, known_hosts: Path | None, tasks: Sequence[Task]) -> dict[str, object]:
    login = {
        "ssh_user": host.user,
        "ssh_key": host.private_key_file,
        "ssh_known_hosts_file": known_hosts,
    }
    return {
        "ssh_hostname": host.address,
        "ssh_port": host.port,
        "ssh_strict_host_key_checking": "yes",
        "_sudo": host.become,
        **{name: str(value) for name, value in login.items() if value},
        "tasks": [asdict(task) for task in tasks],
    }


def round_trips(output: str, cluster: Cluster) -> int:
    """How many commands were run on one host, from the output of a run with -vvv; the most of all hosts."""
    return max(output.count(f"[{host.name}] >>> ") for host in cluster.hosts)


def refuse_changes(output: str) -> None:
    """StepError when the run was not one that had nothing to do."""
    if not re.search(r"Grand total +\d+ +- +- +\d+", output):
        raise StepError("pyinfra changed something, so this was no run with nothing to do")
