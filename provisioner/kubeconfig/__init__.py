"""The administrator's kubeconfig on the machine of whoever runs this: made from what a control plane tells, and written
for the owner alone, beside whatever other clusters are in the file.
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
    """A lab's kubeconfig lies beside its inventory and goes with it; another's in ~/.kube, under its own name."""
    if cluster.origin is Origin.LAB:
        return cluster.path.parent / "kubeconfig"
    return home() / f"{cluster.settings.name}.yaml"


def home() -> Path:
    """Where kubectl looks, ~/.kube; UsageError for a user who has no home."""
    try:
        return Path.home() / ".kube"
    except RuntimeError:
        hint = "Set HOME, or name a file: `provisioner kubeconfig -o FILE`."
        raise UsageError("this user has no home directory", hint=hint) from None


def fetch(transport: Transport, view: View) -> Access:
    """What the leader's admin.conf gives access with; StepError when there is none or something else stands in it.

    The file is a secret: it is shown nowhere and not logged.
    """
    host = view.leader.name
    (result,) = transport.run([Command(("cat", ADMIN_CONF), private=True, accepts=frozenset({0, 1}))])
    if not result.ok:
        raise StepError(f"{host}: there is no {ADMIN_CONF}", hint="Has `provisioner apply` made the cluster?")
    try:
        return access.read(result.stdout, _server(view), view.observed.states[host].ca_certificate)
    except ValueError as error:
        raise StepError(f"{host}: {ADMIN_CONF} is not taken over: {error}", hint=_anew(view)) from None


def is_current(path: Path, view: View) -> bool:
    """Whether the file opens this cluster, so that nothing has to be fetched. One that cannot be read does not."""
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
    """Put the access into the kubeconfig at `path`, and keep the file that was there as `.bak`; False when it has it.

    UsageError, and nothing is written, where that would lose something: a file of other clusters without `merge`,
    another cluster of that name, a file that is no kubeconfig.
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
            f"{path} has something else under the names of this cluster; nothing was changed",
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
            f"{path} cannot be read: {error.strerror}", hint=f"Let it be read, or {_OTHER_FILE}."
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
            hint=f"Make room or give the right, or {_OTHER_FILE}.",
        ) from None


def _server(view: View) -> str:
    return f"https://{api_endpoint(view)}"


def _anew(view: View) -> str:
    """What to do about an admin.conf that kubeadm has not written like this."""
    return (
        "Find out why before you use it: kubectl obeys such a file (or has control_plane_endpoint in the inventory "
        f"changed?). To have kubeadm write it anew, on {view.leader.name}: "
        f"mv {ADMIN_CONF} /root/ && kubeadm init phase kubeconfig admin --control-plane-endpoint {api_endpoint(view)}"
    )


def _removal(path: Path, name: str, others: list[str]) -> str:
    file = shlex.quote(str(path))
    if not others:
        return f"mv {file} {shlex.quote(f'{path}.old')}"
    kubectl = f"kubectl --kubeconfig {file} config"
    return f"{kubectl} delete-context {name}; {kubectl} delete-user {name}-admin; {kubectl} delete-cluster {name}"
