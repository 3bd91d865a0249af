"""What a command on a cluster works with: the inventory, the bundle, the open fleet, and the procedure."""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from getpass import getuser
from pathlib import Path
from socket import gethostname

from provisioner.bundle.common import reading
from provisioner.bundle.common.machine import default_cache
from provisioner.bundle.common.manifest import MANIFEST
from provisioner.bundle.common.reading import Bundle
from provisioner.core.report import Found, Listener, Waiting
from provisioner.engine.fleet import Fleet
from provisioner.engine.holders import is_dead
from provisioner.engine.loop import Run
from provisioner.engine.run_lock import RunLock, held
from provisioner.engine.selection import Selection, left_out
from provisioner.errors import BundleError, Problem, ProvisionerError, Severity, UsageError
from provisioner.inventory import machine_files
from provisioner.inventory.files import AUTO
from provisioner.inventory.model import Cluster, Role
from provisioner.inventory.package_sources import key_file
from provisioner.inventory.values import Secret, Version
from provisioner.manifests import fetching
from provisioner.output.wording import why
from provisioner.plays.procedure import Procedure
from provisioner.procedures.bring_up import BRING_UP
from provisioner.sources.armor import text_of
from provisioner.sources.bundle_access import UPLOADED, closed, opened
from provisioner.sources.keys import refused, trusted
from provisioner.sources.repository import DOCKER, KUBERNETES
from provisioner.sources.version_lock import VersionLock, answers, image_digests, path_for
from provisioner.transports.protocol import Transport
from provisioner.transports.required import required
from provisioner.transports.ssh import SshTransport
from provisioner.world.lock import Holder
from provisioner.world.view import Materials, Observed, View

_TOKEN_ALPHABET = string.ascii_lowercase + string.digits


def new_token() -> Secret:
    """A bootstrap token in kubeadm's form, six and sixteen characters, from the system's randomness."""
    parts = ("".join(secrets.choice(_TOKEN_ALPHABET) for _ in range(length)) for length in (6, 16))
    return Secret(".".join(parts), "join token")


def limited_to(cluster: Cluster, limit: str) -> frozenset[str]:
    """The names of a `--limit` (hosts and groups, separated by commas); UsageError for one that is unknown."""
    if not limit:
        return frozenset(host.name for host in cluster.hosts)
    names: set[str] = set()
    for word in (word.strip() for word in limit.split(",")):
        found = {host.name for host in cluster.hosts if word in (host.name, *host.groups)}
        if not found:
            known = ", ".join(host.name for host in cluster.hosts)
            raise UsageError(f"--limit {word}: no host or group has that name", hint=f"The hosts are: {known}.")
        names |= found
    return frozenset(names)


def find_bundle(cluster: Cluster) -> Bundle | None:
    """The bundle that the inventory names; `auto` is the newest one built here for that Kubernetes version.

    None when nothing comes from a bundle.
    """
    if not cluster.settings.uses_bundle:
        return None
    version = cluster.settings.kubernetes_version
    path = next((source.path for source in cluster.settings.bundles), AUTO)
    bundle = reading.load(_newest(version) if path == AUTO else path)
    if bundle.manifest.kubernetes_version != str(version):
        raise BundleError(
            f"{bundle.path}: the bundle holds Kubernetes {bundle.manifest.kubernetes_version}, "
            f"the inventory wants {version}",
            hint="Make them the same: cluster.kubernetes_version, or another bundle.",
        )
    return bundle


def _newest(version: Version) -> Path:
    found = [path.parent for path in default_cache().glob(f"*-{version}-*/{MANIFEST}")]
    if not found:
        raise BundleError(
            f"there is no bundle of Kubernetes {version} on this machine",
            hint="Build it with `provisioner bundle build`, or name one: cluster.package_source.path.",
        )
    return max(found, key=lambda path: (path / MANIFEST).stat().st_mtime)


def load_version_lock(cluster: Cluster) -> VersionLock | None:
    """The lock file beside the inventory; None when it does not exist, UsageError when it is not valid."""
    path = path_for(cluster.path)
    try:
        return VersionLock.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        hint = "Restore it from a copy, or remove it and run `provisioner lock`."
        raise UsageError(f"{path}: is not a valid lock file: {error}", hint=hint) from None


def _source_keys(cluster: Cluster) -> dict[str, str]:
    """The keys that the inventory names as files, by product, armored; UsageError for a file without a key."""
    settings = cluster.settings
    places = {KUBERNETES: key_file(settings.package_source), DOCKER: key_file(settings.runtime_source)}
    hint = "Name the file with the public key that signs the packages."
    return {product: _keys(path, UsageError, hint) for product, path in places.items() if path}


def _keys(path: Path, refusal: type[ProvisionerError], hint: str) -> str:
    """The keys in a file, without its other contents; `refusal` when it cannot be read or is not understood."""
    try:
        text = text_of(path.read_bytes())
    except OSError as error:
        raise refusal(f"{path}: {error.strerror}", hint=hint) from None
    if why := refused(text):
        raise refusal(f"{path}: {why}", hint=hint)
    return trusted(text, "")


@contextmanager
def open_fleet(cluster: Cluster, names: Iterable[str], listen: Listener) -> Iterator[Fleet]:
    """Transports to these hosts, connected when they are first used, and closed at the end."""
    hosts = [host for host in cluster.hosts if host.name in set(names)]
    transports = {host.name: SshTransport(host, cluster.settings.ssh) for host in hosts}
    with ThreadPoolExecutor(cluster.settings.ssh.parallel) as executor:
        try:
            yield Fleet(transports, executor, listen=listen)
        finally:
            # Cuts commands that still run, so that an interrupted run ends at once.
            for transport in transports.values():
                transport.close()


@dataclass(frozen=True, slots=True)
class Session:
    """A cluster, ready for plan and apply. The run lock says which procedure it is."""

    cluster: Cluster
    bundle: Bundle | None
    run: Run
    view: View

    @contextmanager
    def lock(self, fleet: Fleet, view: View) -> Iterator[RunLock]:
        """The run lock of this cluster, on its control planes.

        It has connections of its own: an sshd may allow one session per connection, and the run uses that one.
        """
        procedure = self.run.procedure
        holder = Holder(view.materials.run, getuser(), gethostname(), procedure.name, int(view.observed.now_s))
        with (
            open_fleet(self.cluster, [host.name for host in view.cluster.control_planes], self.run.listen) as own,
            held(own.transports, holder, self.run.listen, procedure.needed_locks) as run_lock,
        ):
            yield run_lock

    def is_abandoned(self, holder: Holder | None) -> bool:
        """Whether that run has given no sign of life for too long, or ran on this machine and has ended."""
        return holder is not None and is_dead(holder)

    def open_bundle(self, fleet: Fleet, hosts: Iterable[str]) -> AbstractContextManager[Mapping[str, ProvisionerError]]:
        """Give these hosts access to the bundle, if there is one; it is checked first, and access removed afterwards.

        Gives the errors of hosts where that failed; BundleError when the bundle is damaged.
        """
        return self._opened(self.bundle, fleet, tuple(hosts)) if self.bundle else nullcontext({})

    @contextmanager
    def _opened(self, bundle: Bundle, fleet: Fleet, names: tuple[str, ...]) -> Iterator[Mapping[str, ProvisionerError]]:
        reading.require_whole(bundle)
        with ExitStack() as served:
            errors = fleet.each(names, partial(self._open_on, bundle, served)).bad
            try:
                yield errors
            finally:
                left = fleet.each([name for name in names if name not in errors], _close_on).bad
                for host, error in left.items():
                    what = f"{host}: access to the bundle could not be removed: {why(host, error)}"
                    hint = "The next run removes what this one has left there."
                    self.run.listen(Found(Problem("bundle-left", "", what, hint, Severity.WARNING)))

    def _open_on(self, bundle: Bundle, served: ExitStack, host: str, transport: Transport) -> None:
        port = served.enter_context(transport.serve(bundle.path))
        address = f"http://127.0.0.1:{port}" if port else f"file:{UPLOADED}"
        required(host, transport, "give access to the bundle", opened(self.view.materials.run, address))
        if port is None:
            self.run.listen(Waiting(host, "the bundle to be uploaded: its sshd forbids forwarding"))
            transport.send_tree(bundle.path, self._files_for(bundle, host), UPLOADED)

    def _files_for(self, bundle: Bundle, host: str) -> tuple[str, ...]:
        role = self.cluster.host(host).role.value
        contents = bundle.manifest.contents
        return tuple(content.path for content in contents if not content.roles or role in content.roles)


def _close_on(host: str, transport: Transport) -> None:
    required(host, transport, "remove access to the bundle", closed())


@contextmanager
def open_session(
    cluster: Cluster,
    listen: Listener,
    selection: Selection = Selection(),  # noqa: B008 - a value that cannot change
    procedure: Procedure = BRING_UP,
    *,
    only_looks: bool = False,
) -> Iterator[Session]:
    """Everything that a procedure works with. With a limit, other control planes are asked, but not changed.

    A command that only looks at the hosts needs neither bundle nor manifest, and works without them, as does a
    procedure that installs nothing.
    """
    cluster = procedure.aimed(cluster)
    names, skipped = limited_to(cluster, selection.limit), left_out(procedure, selection)
    installs = procedure.needs_bundle and not only_looks
    bundle, lock = find_bundle(cluster) if installs else None, load_version_lock(cluster)
    materials = Materials(
        run=secrets.token_hex(8),
        join_token=new_token(),
        bundle=bundle,
        bundle_key=_keys(bundle.apt_key, BundleError, reading.REBUILD) if bundle else "",
        network=fetching.load(cluster, bundle) if installs else None,
        files=machine_files.contents(cluster),
        source_keys=_source_keys(cluster),
        pinned=answers(lock) if lock else {},
        image_digests=image_digests(lock) if lock else {},
    )
    view = View(cluster, names, materials, Observed(now_s=time.time()), asked=procedure.asks)
    control_planes = {host.name for host in cluster.hosts if host.role is Role.CONTROL_PLANE}
    with open_fleet(cluster, names | control_planes, listen) as fleet:
        yield Session(cluster, bundle, Run(procedure, fleet, listen, skipped), view)
