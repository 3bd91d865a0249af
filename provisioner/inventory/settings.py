"""The cluster's settings: found at their one place, checked, with file names made absolute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from provisioner.catalog import kubernetes
from provisioner.inventory import files, messages
from provisioner.inventory.findings import Finding, KeyPath
from provisioner.inventory.model import ClusterSettings
from provisioner.inventory.networks import AnyNetwork, manifest_file
from provisioner.inventory.package_sources import BundleSource, Source, key_file
from provisioner.inventory.statements import ALL, GroupFile, GroupVariables, Statement, variables
from provisioner.inventory.variables import Variable, unreadable

NAME = "cluster"
# In an inventory in YAML.
PLACE: KeyPath = (ALL, "vars", NAME)


def find(statements: Iterable[Statement], place: KeyPath) -> tuple[Variable | None, tuple[Finding, ...]]:
    """The variable `cluster` of the group `all`; anywhere else it is an error, and so is its absence.

    `place` is where its absence is reported.
    """
    said = tuple(statements)
    given = tuple(entry for entry in variables(said) if entry.name == NAME)
    of_all = (one for kind in (GroupVariables, GroupFile) for one in said if isinstance(one, kind) and one.group == ALL)
    right = [entry for one in of_all for entry in one.variables if entry.name == NAME]
    wrong = tuple(
        Finding("misplaced", entry.path, "`cluster` is one setting for all hosts", "move it to all.vars.cluster")
        for entry in given
        if entry not in right
    )
    if right or wrong:
        return (right[-1] if right else None), wrong
    hint = 'add to `vars:` of `all:`, or to group_vars/all.yml, `cluster:` with at least `kubernetes_version: "1.20.2"`'
    return None, (Finding("missing-key", place, "the settings of the cluster are missing", hint),)


def read(variable: Variable, texts: Mapping[KeyPath, str]) -> tuple[ClusterSettings, tuple[Finding, ...]]:
    """The settings; the default for one that is wrong, so that the others can still be checked."""
    if variable.written is not None and not isinstance(variable.value, dict):
        message = "`cluster` must be a mapping, and this is not one"
        hint = "write it as YAML into group_vars/all.yml beside the inventory; in INI it would be one Python literal"
        return fallback(), (Finding("wrong-type", variable.path, message, hint),)
    refused = tuple(unreadable(variable.value, variable.path))
    paths = {finding.path for finding in refused}
    try:
        return ClusterSettings.model_validate(variable.value), refused
    except ValidationError as error:
        found = messages.findings(error, ClusterSettings, variable.path, texts)
        bad = {details["loc"][0] for details in error.errors() if details["loc"]}
        trial = _without(variable.value, bad)
        return trial, refused + tuple(finding for finding in found if finding.path not in paths)


def fallback() -> ClusterSettings:
    """All defaults, for an inventory without settings; the version is one that no rule complains about."""
    row = kubernetes.releases()[-1]
    return ClusterSettings.model_validate({"kubernetes_version": f"{row.series}.{row.last_patch}"})


def absolute(settings: ClusterSettings, inventory: Path) -> ClusterSettings:
    """The same settings with file names resolved against the inventory's directory."""
    ssh, runtime = settings.ssh, settings.runtime
    if ssh.known_hosts:
        ssh = ssh.model_copy(update={"known_hosts": files.resolve(ssh.known_hosts, inventory)})
    if runtime.source:
        runtime = runtime.model_copy(update={"source": _absolute(runtime.source, inventory)})
    source = _absolute(settings.package_source, inventory)
    policy = settings.audit_policy and files.resolve(settings.audit_policy, inventory)
    patches = settings.patches and files.resolve(settings.patches, inventory)
    own = {"ssh": ssh, "runtime": runtime, "package_source": source, "audit_policy": policy, "patches": patches}
    return settings.model_copy(update={**own, "network": _with_file(settings.network, inventory)})


def _with_file(network: AnyNetwork, inventory: Path) -> AnyNetwork:
    file = manifest_file(network)
    return network.model_copy(update={"manifest": str(files.resolve(file, inventory))}) if file else network


def _absolute(source: Source, inventory: Path) -> Source:
    if isinstance(source, BundleSource) and source.path != files.AUTO:
        return source.model_copy(update={"path": files.resolve(source.path, inventory)})
    key = key_file(source)
    return source.model_copy(update={"key": str(files.resolve(key, inventory))}) if key else source


def _without(value: object, bad: set[Any]) -> ClusterSettings:
    given = value if isinstance(value, dict) else {}
    good = {key: below for key, below in given.items() if isinstance(key, str) and key not in bad}
    return ClusterSettings.model_validate({"kubernetes_version": fallback().kubernetes_version, **good})
