"""The administrator's kubeconfig on the machine of whoever runs this: fetched, written for the owner alone, merged."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from provisioner.core.command import Command
from provisioner.errors import StepError, UsageError
from provisioner.inventory.model import Cluster
from provisioner.labs import state
from provisioner.paths import write_private
from provisioner.resources.kubeadm import ADMIN_CONF
from provisioner.transports.protocol import Transport

_LISTS = ("clusters", "contexts", "users")


def default_path(cluster: Cluster) -> Path:
    """A lab's kubeconfig lies beside its inventory and goes with it; another's in ~/.kube, under its own name."""
    if cluster.path.parent.parent == state.base() / "labs":
        return cluster.path.parent / "kubeconfig"
    return Path(f"~/.kube/{cluster.settings.name}.yaml").expanduser()


def fetch(transport: Transport, host: str) -> str:
    """admin.conf of a control plane, as text. It is a secret: it is shown nowhere and not logged."""
    (result,) = transport.run([Command(("cat", ADMIN_CONF), private=True, accepts=frozenset({0, 1}))])
    if not result.ok:
        raise StepError(f"{host}: there is no {ADMIN_CONF}", hint="Has `provisioner apply` made the cluster?")
    return result.stdout


def is_current(path: Path, ca_certificate: str) -> bool:
    """Whether the file is a kubeconfig of the cluster with this CA."""
    return path.exists() and base64.b64encode(ca_certificate.encode()).decode()[:100] in path.read_text()


def renamed(text: str, name: str) -> dict[str, Any]:
    """The kubeconfig with cluster, user and context named after the cluster, so that it can stand beside others."""
    config = yaml.safe_load(text)
    return {
        **config,
        "clusters": [{**config["clusters"][0], "name": name}],
        "users": [{**config["users"][0], "name": f"{name}-admin"}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": f"{name}-admin"}}],
        "current-context": name,
    }


def merged(existing: str, added: Mapping[str, Any]) -> str:
    """An existing kubeconfig with the added one's entries put in, same names replaced, the rest untouched."""
    config = yaml.safe_load(existing) or {}
    if not isinstance(config, dict):
        raise UsageError(
            "the existing kubeconfig is not a mapping", hint="Look at it, or write to another file with -o."
        )
    for key in _LISTS:
        names = {entry["name"] for entry in added[key]}
        config[key] = [entry for entry in config.get(key) or [] if entry["name"] not in names] + list(added[key])
    config |= {"apiVersion": "v1", "kind": "Config", "current-context": added["current-context"]}
    return yaml.safe_dump(config, sort_keys=False)


def save(path: Path, text: str, name: str, *, merge: bool) -> None:
    """Put the kubeconfig at `path`. A file of another cluster is only touched with `merge` (UsageError otherwise)."""
    added = renamed(text, name)
    if merge:
        write_private(path, merged(path.read_text() if path.exists() else "", added))
        return
    if path.exists() and not _same_cluster(path.read_text(), name):
        raise UsageError(
            f"{path} exists and has other clusters in it",
            hint="Merge into it with --merge, or write to another file with -o FILE.",
        )
    write_private(path, yaml.safe_dump(added, sort_keys=False))


def _same_cluster(text: str, name: str) -> bool:
    config = yaml.safe_load(text)
    return isinstance(config, dict) and [entry["name"] for entry in config.get("clusters") or []] in ([], [name])
