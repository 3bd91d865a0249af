"""What the catalog says about the desired versions, as problems: pure functions, called by preflight."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from provisioner.catalog.eras import CGROUP_V1_WAY_OUT
from provisioner.catalog.kubernetes import Release, rules_for
from provisioner.catalog.runtimes import Name, ranges_for, runtime, runtimes_for, tested_with
from provisioner.errors import Problem, Severity


def number(version: str) -> tuple[int, ...]:
    """The leading number of a version, `(20, 10, 24)` for `20.10.24+dfsg1-1` and `5:20.10.24~3-0~debian`."""
    match = re.match(r"(?:\d+:)?v?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def runtime_usable(release: Release, name: Name, where: str) -> Iterator[Problem]:
    """A runtime that the Kubernetes release cannot use at all."""
    if not runtime(name).serves(release.minor):
        usable = ", ".join(row.name for row in runtimes_for(release.minor))
        message = f"Kubernetes {release.series} cannot use {name}"
        yield Problem("runtime-unusable", where, message, f"It can use: {usable}.")


def runtime_version(release: Release, program: str, version: str, where: str) -> Iterator[Problem]:
    """Docker or containerd too old or too new for the Kubernetes release; CRI-O of another minor release."""
    if program == "cri-o":
        yield from _same_minor(release, version, where)
        return
    for row in ranges_for(program, release.minor):
        low, high = row.at_least and number(version) < number(row.at_least), row.below and _reaches(version, row.below)
        if not (low or high):
            continue
        bound = f"at least {row.at_least}" if low else f"older than {row.below}"
        message = f"{program} {version} is too {'old' if low else 'new'} for Kubernetes {release.series}: {row.why}"
        severity = Severity.ERROR if row.refused else Severity.WARNING
        yield Problem(f"runtime-too-{'old' if low else 'new'}", where, message, f"Use {program} {bound}.", severity)
        return


def _same_minor(release: Release, version: str, where: str) -> Iterator[Problem]:
    if number(version)[:2] != number(release.series):
        message = f"CRI-O {version} is made for another Kubernetes release than {release.series}"
        yield Problem("cri-o-of-another-minor", where, message, f"Use CRI-O {release.series}.", Severity.WARNING)


def _reaches(version: str, bound: str) -> bool:
    return number(version) >= number(bound)


def runtime_tested(release: Release, containerd: str, where: str) -> Iterator[Problem]:
    """A containerd that its project does not test with the Kubernetes release, if it says what it tests."""
    tested = tested_with(release.series)
    same_line = [row for row in tested if number(row)[:2] == number(containerd)[:2]]
    newest = max((number(row) for row in tested), default=())
    if not tested or number(containerd) >= newest or any(_reaches(containerd, row) for row in same_line):
        return
    message = f"containerd {containerd} is not tested with Kubernetes {release.series}"
    hint = f"Tested versions: {', '.join(f'{row} and later of its line' for row in tested)}."
    yield Problem("runtime-untested", where, message, hint, Severity.WARNING)


def cgroup(release: Release, version: int, where: str) -> Iterator[Problem]:
    """A host with cgroup v1 and a kubelet that does not start there, or soon will not."""
    if version >= 2 or release.kubelet.cgroup_v1 == "accepted":
        return
    refused = release.kubelet.cgroup_v1 == "refused"
    does = "does not start on it" if refused else "supports it, and later ones will not"
    hint = "Boot it with `systemd.unified_cgroup_hierarchy=1`, or use a newer distribution."
    hint += f" (Kubernetes' own workaround: {CGROUP_V1_WAY_OUT}.)" if refused else ""
    severity = Severity.ERROR if refused else Severity.WARNING
    yield Problem("cgroup-v1", where, f"has cgroup v1, and the kubelet of {release.series} {does}", hint, severity)


def kubelet_flags(release: Release, flags: Iterable[str], where: str) -> Iterator[Problem]:
    """Arguments that the kubelet does not know any more: it would not start."""
    for flag in sorted(set(flags) & set(release.kubelet.removed_flags)):
        message = f"the kubelet of Kubernetes {release.series} has no flag --{flag} any more"
        yield Problem("removed-flag", where, message, "Remove it from kubelet_extra_args.")


def skew(api_server: str, kubelet: str, where: str) -> Iterator[Problem]:
    """A kubelet (a full version, as the API server's) newer than the API server, or older than it may be."""
    ahead = number(kubelet)[1] - number(api_server)[1]
    may_be = rules_for(".".join(kubelet.split(".")[:2])).kubelet.behind
    if ahead > 0:
        message = f"its kubelet {kubelet} is newer than the API server {api_server}"
        yield Problem("version-skew", where, message, "Upgrade the control planes first.")
    elif -ahead > may_be:
        message = f"its kubelet {kubelet} is {-ahead} minor releases older than the API server {api_server}"
        hint = f"It may be {may_be} older: upgrade the node, one minor release after the other."
        yield Problem("version-skew", where, message, hint)
