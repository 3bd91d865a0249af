"""What the API server gets beyond kubeadm's own: an audit policy, and a key that encrypts Secrets in etcd."""

from __future__ import annotations

from provisioner.core.resource import Resource
from provisioner.inventory.model import ClusterSettings, Host
from provisioner.resources.api_server import ApiServerCurrent, EncryptionKey
from provisioner.resources.files import Directory, File
from provisioner.world.view import View

AUDIT_POLICY = "/etc/kubernetes/audit/policy.yaml"
AUDIT_LOGS = "/var/log/kubernetes/audit"
ENCRYPTION = "/etc/kubernetes/encryption/configuration.yaml"
# Size of a log file in megabytes before it is rotated, how many rotated files are kept, and for how many days.
_AUDIT = {
    "audit-policy-file": AUDIT_POLICY,
    "audit-log-path": f"{AUDIT_LOGS}/audit.log",
    "audit-log-maxsize": "100",
    "audit-log-maxbackup": "10",
    "audit-log-maxage": "30",
}


def arguments(settings: ClusterSettings) -> dict[str, str]:
    """All extra arguments; the inventory's own come last and win."""
    audit = _AUDIT if settings.audit_policy else {}
    encryption = {"encryption-provider-config": ENCRYPTION} if settings.encryption else {}
    return {**audit, **encryption, **settings.api_server_extra_args}


def volumes(settings: ClusterSettings) -> tuple[dict[str, object], ...]:
    """The paths of the host that are mounted into the API server's pod, as kubeadm's `extraVolumes`."""
    audit = (("audit-policy", _directory(AUDIT_POLICY), True), ("audit-log", AUDIT_LOGS, False))
    encryption = (("encryption", _directory(ENCRYPTION), True),)
    desired = (*(audit if settings.audit_policy else ()), *(encryption if settings.encryption else ()))
    return tuple(
        {
            "name": name,
            "hostPath": path,
            "mountPath": path,
            "readOnly": read_only,
            "pathType": "DirectoryOrCreate",
        }
        for name, path, read_only in desired
    )


def files(view: View, host: Host) -> tuple[Resource, ...]:
    """The files that it reads, on a control plane, before it starts there for the first time.

    A key is generated only when the cluster is created: a control plane that joins needs the existing one.
    """
    settings = view.cluster.settings
    policy = settings.audit_policy
    # An audit log says who did what: not every API server makes its log unreadable for other users.
    audit = (Directory(AUDIT_LOGS, 0o700), File(AUDIT_POLICY, view.materials.files[policy], 0o600)) if policy else ()
    # A second key could not decrypt what the first one has encrypted.
    new = not view.observed.states[host.name].initialised and view.observed.live is None
    return (*audit, *((EncryptionKey(ENCRYPTION),) if settings.encryption and new else ()))


def current(view: View, host: Host) -> tuple[Resource, ...]:
    """A running API server has read the current policy file."""
    audited = view.cluster.settings.audit_policy and view.observed.states[host.name].initialised
    return (ApiServerCurrent("audit-policy-file", AUDIT_POLICY),) if audited else ()


def _directory(path: str) -> str:
    return path.rpartition("/")[0]
