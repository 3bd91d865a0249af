"""The administrator's kubeconfig on this machine: made from the admin.conf of a control plane, and written for the
owner alone, next to the other clusters in the file.
"""

from __future__ import annotations

import shlex
from datetime import datetime
from pathlib import Path

from provisioner.core.command import Command
from provisioner.errors import StepError, UsageError
from provisioner.inventory.model import Cluster, Origin
from provisioner.kubeconfig import access, merging
from provisioner.kubeconfig.access import Access
from provisioner.paths import write_private
from provisioner.resources.kubeadm import ADMIN_CONF
from provisioner.transports.protocol import Transport
from provisioner.world.derived import api_endpoint
from provisioner.world.view import View

_OTHER_FILE = "write to another file with -o FILE"


def default_path(cluster: Cluster) -> Path:
    """A lab's kubeconfig is beside its inventory and is removed with it; any other is in ~/.kube, under its name."""
    if cluster.origin is Origin.LAB:
        return cluster.path.parent / "kubeconfig"
    return home() / f"{cluster.settings.name}.yaml"


def home() -> Path:
    """The directory of kubectl, ~/.kube; UsageError for a user who has no home directory."""
    try:
        return Path.home() / ".kube"
    except RuntimeError:
        hint = "Set HOME, or name a file: `provisioner kubeconfig -o FILE`."
        raise UsageError("this user has no home directory", hint=hint) from None


def fetch(transport: Transport, view: View) -> Access:
    """The access from the leader's admin.conf; StepError when the file is missing or has other content.

    The file is a secret: it is never shown or logged.
    """
    host = view.leader.name
    (result,) = transport.run([Command(("cat", ADMIN_CONF), private=True, accepts=frozenset({0, 1}))])
    if not result.ok:
        raise StepError(f"{host}: {ADMIN_CONF} does not exist", hint="Has `provisioner apply` made the cluster?")
    try:
        return access.read(result.stdout, _server(view), view.observed.states[host].ca_certificate)
    except ValueError as error:
        raise StepError(f"{host}: {ADMIN_CONF} is not used: {error}", hint=_how_to_rewrite(view)) from None


def is_current(path: Path, view: View) -> bool:
    """Whether the file gives access to this cluster, so that nothing has to be fetched; False if it cannot be read."""
    try:
        text = path.read_bytes().decode() if path.is_file() else ""
    except (OSError, UnicodeDecodeError):
        return False
    now = datetime.fromtimestamp(view.observed.now_s).astimezone()
    ca = view.observed.states[view.leader.name].ca_certificate
    return merging.is_current(text, view.cluster.settings.name, _server(view), ca, now)


def text_of(given: Access, name: str) -> str:
    """A kubeconfig of this cluster alone."""
    return merging.dump(merging.entries(given, name))


def save(path: Path, given: Access, name: str, *, merge: bool) -> bool:
    """Put the access into the kubeconfig at `path`, and keep the old file as `.bak`; False when nothing changes.

    UsageError, and nothing is written, when something would be lost: a file of other clusters without `merge`,
    another cluster of that name, a file that is not a kubeconfig.
    """
    before = _text(path)
    try:
        config = merging.parse(before)
        after = merging.merged(config, given, name)
        text = merging.dump(after)
    except ValueError as error:
        raise UsageError(f"{path} is not a kubeconfig: {error}", hint=f"Look at it, or {_OTHER_FILE}.") from None
    others = merging.strangers(config, name)
    if lines := tuple(merging.conflicts(config, given, name)):
        raise UsageError(
            f"{path} has other entries with the names of this cluster; nothing was changed",
            details="\n".join(lines),
            hint=f"If that is no longer needed: {_removal(path, name, others)}. Or {_OTHER_FILE}.",
        )
    if others and not merge:
        raise UsageError(
            f"{path} exists and has other clusters in it", hint=f"Merge into it with --merge, or {_OTHER_FILE}."
        )
    if after == config and not path.stat().st_mode & 0o077:
        return False
    _write(path, before, text)
    return True


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is not a file", hint="Name a file: -o FILE.")
        return path.read_bytes().decode() if path.exists() else ""
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}", hint=f"Make it readable, or {_OTHER_FILE}."
        ) from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not a kubeconfig: it is not text", hint=f"Look at it, or {_OTHER_FILE}.") from None


def _write(path: Path, before: str, text: str) -> None:
    try:
        if before:
            write_private(path.with_name(f"{path.name}.bak"), before)
        write_private(path, text)
    except OSError as error:
        raise UsageError(
            f"{error.filename} cannot be written: {error.strerror}",
            hint=f"Free some space or make it writable, or {_OTHER_FILE}.",
        ) from None


def _server(view: View) -> str:
    return f"https://{api_endpoint(view)}"


def _how_to_rewrite(view: View) -> str:
    """What to do about an admin.conf that kubeadm does not write like this."""
    return (
        "Find out why before you use it: kubectl does what such a file says (or has control_plane_endpoint in the "
        f"inventory changed?). To let kubeadm write it again, on {view.leader.name}: "
        f"mv {ADMIN_CONF} /root/ && kubeadm init phase kubeconfig admin --control-plane-endpoint {api_endpoint(view)}"
    )


def _removal(path: Path, name: str, others: list[str]) -> str:
    file = shlex.quote(str(path))
    if not others:
        return f"mv {file} {shlex.quote(f'{path}.old')}"
    kubectl = f"kubectl --kubeconfig {file} config"
    return f"{kubectl} delete-context {name}; {kubectl} delete-user {name}-admin; {kubectl} delete-cluster {name}"
