"""The files of an inventory that are copied to hosts: the audit policy and kubeadm's patches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from provisioner import bounded_yaml
from provisioner.catalog.kubernetes import Release, rules_for
from provisioner.inventory import places
from provisioner.inventory.findings import Finding, KeyPath
from provisioner.inventory.model import Cluster

_POLICY_HINT = "the smallest one has `rules: [{level: Metadata}]`; see kubernetes.io, Auditing"
_PATCH_HINT = "name it like kube-apiserver.yaml or etcd0+json.yaml; these can be patched: "


def findings(cluster: Cluster) -> Iterator[Finding]:
    """Files that are missing or invalid; paths as in `rules`."""
    settings = cluster.settings
    if settings.audit_policy:
        yield from _policy(settings.audit_policy, ("settings", "audit_policy"))
    if settings.patches:
        release = rules_for(settings.kubernetes_version.series)
        yield from _patches(settings.patches, release, ("settings", "patches"))


def contents(cluster: Cluster) -> dict[Path, str]:
    """The text of all these files; OSError when one has disappeared since it was checked."""
    settings = cluster.settings
    patches = _patch_files(settings.patches) if settings.patches else ()
    return {path: places.content(path).decode() for path in (settings.audit_policy, *patches) if path}


def _policy(file: Path, path: KeyPath) -> Iterator[Finding]:
    """The API server does not start with an invalid policy."""
    told = _parsed(file)
    if isinstance(told, str):
        yield Finding("missing-file", path, f"the audit policy {file} {told}", _POLICY_HINT)
        return
    said = told.get("document")
    fields = said if isinstance(said, dict) else {}
    if (fields.get("apiVersion"), fields.get("kind")) != ("audit.k8s.io/v1", "Policy") or not fields.get("rules"):
        message = f"{file} is not an audit policy (apiVersion audit.k8s.io/v1, kind Policy, with rules)"
        yield Finding("bad-policy", path, message, _POLICY_HINT)


def _patches(directory: Path, release: Release, path: KeyPath) -> Iterator[Finding]:
    """kubeadm would ignore files with other names, and fail half-way on a file that is not YAML."""
    hint = _PATCH_HINT + ", ".join(release.kubeadm.patch_targets)
    try:
        files = _patch_files(directory)
    except OSError as error:
        message = f"{directory} is not a directory of patches: {error.strerror}"
        yield Finding("missing-file", path, message, places.hint(error, directory) or "name one, or leave it out")
        return
    name = re.compile(rf"({'|'.join(release.kubeadm.patch_targets)})[^.+]*(\+(strategic|merge|json))?\.(yaml|json)")
    for file in files:
        told = _parsed(file)
        if not name.fullmatch(file.name):
            yield Finding("bad-patch", path, f"{file.name} is not a patch for Kubernetes {release.series}", hint)
        elif isinstance(told, str):
            yield Finding("bad-patch", path, f"the patch {file} {told}", hint)


def _patch_files(directory: Path) -> tuple[Path, ...]:
    """Sorted by name, the order in which kubeadm uses them."""
    return tuple(file for file in places.entries(directory) if file.suffix in (".yaml", ".json"))


def _parsed(file: Path) -> dict[str, Any] | str:
    """The content of the file as `document`, or why it cannot be read."""
    try:
        return {"document": bounded_yaml.load(places.content(file).decode())}
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except bounded_yaml.TooMuchError as error:
        return f"is not read: {error.problem}"
    except (UnicodeDecodeError, yaml.YAMLError):
        return "is not YAML"
