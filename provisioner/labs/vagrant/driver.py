"""The lab of virtual machines: made, halted, resumed, kept as snapshots, and removed, all by Vagrant."""

from __future__ import annotations

from provisioner.core.report import Listener, Outcome, step
from provisioner.errors import LabError, ProvisionerError, UsageError
from provisioner.inventory.model import Cluster
from provisioner.inventory.vagrant_rules import machines
from provisioner.labs import state
from provisioner.labs.vagrant import checks, node, program
from provisioner.labs.vagrant.access import DOCKER, KEYS, ids
from provisioner.labs.vagrant.program import HOST, RUNNING, Environment
from provisioner.labs.vagrant.troubles import with_those_up

NO_SNAPSHOTS = (
    "containers have no snapshots: `docker commit` leaves out volumes, which hold the data of etcd, kubelet and runtime"
)
KEPT_BY_HALT = (
    "`provisioner lab halt` and `lab resume` keep a lab as it is; the providers with virtual machines have snapshots"
)


def prepare(cluster: Cluster, listen: Listener) -> Environment:
    """Make sure that `vagrant up` can work: see `checks`; with the provider docker, the machines' image.

    Gives the environment; nothing has been started.
    """
    environment = program.find(cluster)
    checks.check(environment, cluster, listen)
    if environment.provider == DOCKER:
        node.prepare(environment, cluster, listen)
    return environment


def up(cluster: Cluster, listen: Listener) -> None:
    """Make or start what does not run yet. When it fails, machines that came up stay, and the error names all."""
    environment = prepare(cluster, listen)
    names = [host.name for host, _ in machines(cluster)]
    running = _running(environment, names)
    outcome = Outcome.OK if len(running) == len(names) else Outcome.CHANGED
    with step(listen, HOST, f"{len(names)} machines with {environment.provider}", outcome):
        if outcome is Outcome.OK:
            return
        try:
            program.up(environment, listen)
        except ProvisionerError as error:
            raise with_those_up(error, _running(environment, names), names) from error


def _running(environment: Environment, names: list[str]) -> list[str]:
    states = program.states(environment)
    if different := sorted(set(names) ^ set(states)):
        raise UsageError(
            f"Vagrant and {environment.inventory} do not have the same machines: {', '.join(different)}",
            hint=f"is {environment.root / program.VAGRANTFILE} the project's own, and are hosts and `vagrant:` in the "
            "inventory's file itself (the Vagrantfile does not read group_vars/ and host_vars/)?",
        )
    return [name for name in names if states[name] == RUNNING]


def states(cluster: Cluster) -> dict[str, str]:
    """The machines' states, in Vagrant's words."""
    return program.states(program.find(cluster))


def halt(cluster: Cluster, listen: Listener) -> None:
    """Shut down all machines cleanly; their disks stay."""
    environment = program.find(cluster)
    with step(listen, HOST, "halt"):
        if environment.provider == DOCKER:
            node.halt({ids(environment, host.name).get(DOCKER, "") for host, _ in machines(cluster)})
        program.call(environment, "halt")


def snapshot(cluster: Cluster, name: str, listen: Listener) -> None:
    """Save all machines as they are now, under a name. LabError with docker, which cannot do this."""
    _snapshots(cluster, "snapshot_save", name, f"snapshot {name}", listen)


def restore(cluster: Cluster, name: str, listen: Listener) -> None:
    """Restore all machines to a snapshot. Later changes are lost."""
    _snapshots(cluster, "snapshot_restore", name, f"restore {name}", listen)


def _snapshots(cluster: Cluster, method: str, name: str, title: str, listen: Listener) -> None:
    environment = program.find(cluster)
    if environment.provider == DOCKER:
        raise LabError(NO_SNAPSHOTS, hint=KEPT_BY_HALT)
    with step(listen, HOST, title):
        program.call(environment, method, name)


def down(cluster: Cluster, listen: Listener) -> None:
    """Destroy all machines. It is no error if some are gone; boxes and the docker provider's image stay, as a cache."""
    environment = program.find(cluster)
    with step(listen, HOST, "destroy the machines"):
        program.call(environment, "destroy")
    for name in (KEYS, node.FILE, state.KEY, state.KNOWN_HOSTS):
        (environment.state / name).unlink(missing_ok=True)
