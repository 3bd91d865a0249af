"""The suite's pytest plug-in, for `provisioner verify` and for your own CI:

    pytest --pyargs provisioner.verification.suite -p provisioner.verification.plugin --inventory inventory.yaml

It provides the fixtures of `fixtures.py`, and testinfra's `host` for every host of the inventory; your own tests
in the same run can use them too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from provisioner.core.report import ignore
from provisioner.errors import ProvisionerError
from provisioner.inventory.loader import load
from provisioner.inventory.model import Cluster, Origin
from provisioner.verification.items import SESSION, STREAM, machine_name, rule, title
from provisioner.verification.session import Options, Session
from provisioner.verification.stream import Stream
from provisioner.verification.walk import OUTSIDE_NAME, SAMPLE_ABOVE

pytest_plugins = ("provisioner.verification.fixtures",)

_DIRECTORY = pytest.StashKey["tempfile.TemporaryDirectory[str]"]()
CONTROL_PLANE = "control_plane"
NETWORK = "network"
# The order of the checks: a host that does not answer explains all the rest; pods get the longest time to start.
_ORDER = (
    "test_machine",
    "test_packages",
    "test_services",
    "test_kernel",
    "test_files",
    "test_control_plane",
    "test_kubernetes",
    "test_network",
    "test_system_pods",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the suite."""
    group = parser.getgroup("provisioner")
    group.addoption("--inventory", metavar="FILE", help="the inventory of the cluster to verify")
    group.addoption("--limit", metavar="NAMES", help="check only these hosts or groups, separated by commas")
    group.addoption(
        "--sample-above", type=int, default=SAMPLE_ABOVE, metavar="N", help="up to N nodes, each one tests all others"
    )
    group.addoption(
        "--outside-name", default=OUTSIDE_NAME, metavar="NAME", help="a name outside the cluster to look up"
    )
    group.addoption("--probe-image", default="", metavar="IMAGE", help="another image for the probes")
    group.addoption("--events-fd", type=int, metavar="N", help="write one JSON line per event to this descriptor")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    config.addinivalue_line("markers", f"{CONTROL_PLANE}: only for hosts that run the API server")
    config.addinivalue_line("markers", f"{NETWORK}: needed to know whether every node can reach every other")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Read the inventory and give its hosts to testinfra; pytest.UsageError when that is not possible."""
    config = session.config
    if not config.option.inventory:
        raise pytest.UsageError("--inventory FILE is required: it names the cluster to verify")
    try:
        cluster = _reached(load(Path(config.option.inventory)))
    except ProvisionerError as error:
        raise pytest.UsageError("\n".join([error.message, *map(str, getattr(error, "problems", ()))])) from error
    # mkdtemp makes it readable by its owner only; a short name, because a socket's path may not be long.
    directory = tempfile.TemporaryDirectory(prefix="pv-")
    option = config.option
    options = Options(option.sample_above, option.outside_name, option.probe_image)
    begun = Session(cluster, limited_to(cluster, option.limit), Path(directory.name), options)
    config.stash[SESSION], config.stash[_DIRECTORY] = begun, directory
    config.stash[STREAM] = Stream.open(config.option.events_fd)
    config.option.hosts = config.option.hosts or ",".join(map(begun.spec, begun.hosts))


def _reached(cluster: Cluster) -> Cluster:
    """The cluster as it is reached; where Vagrant has made the machines, it is asked how."""
    if cluster.origin is not Origin.VAGRANT:
        return cluster
    from provisioner.labs.vagrant.access import located  # noqa: PLC0415 - needed only here

    return located(cluster, ignore)


def limited_to(cluster: Cluster, limit: str | None) -> frozenset[str]:
    """Names of the hosts to check; `limit` names hosts, groups or roles (pytest.UsageError for an unknown name)."""
    if not limit:
        return frozenset(host.name for host in cluster.hosts)
    words = {word.strip() for word in limit.split(",")}
    found = {host.name: words & {host.name, host.role.value, *host.groups} for host in cluster.hosts}
    unknown = words.difference(*found.values())
    if unknown:
        raise pytest.UsageError(f"--limit: no host or group is called {', '.join(sorted(unknown))}")
    return frozenset(name for name, matched in found.items() if matched)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close the connections, remove the private directory."""
    if SESSION in config.stash:
        config.stash[SESSION].close()
        config.stash[_DIRECTORY].cleanup()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what does not concern a host; check hosts before what runs on them. The user's own tests come last."""
    cluster = config.stash[SESSION].cluster
    strange = [
        item for item in items if item.get_closest_marker(CONTROL_PLANE) and not _is_control_plane(item, cluster)
    ]
    if strange:
        config.hook.pytest_deselected(items=strange)
    items[:] = sorted((item for item in items if item not in strange), key=_rank)


def _is_control_plane(item: pytest.Item, cluster: Cluster) -> bool:
    return machine_name(item) in {host.name for host in cluster.control_planes}


def _rank(item: pytest.Item) -> int:
    module = item.module.__name__.rpartition(".")[2] if isinstance(item, pytest.Function) else ""
    return _ORDER.index(module) if module in _ORDER else len(_ORDER)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Report that a check begins."""
    item.config.stash[STREAM].began(machine_name(item), title(item))
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report how a check ended. A failing tear-down is a failure of its own."""
    report = yield
    if report.when == "call" or not report.passed:
        error = call.excinfo.value if call.excinfo else None
        item.config.stash[STREAM].ended((rule(item), machine_name(item), title(item)), report, error)
    return report
