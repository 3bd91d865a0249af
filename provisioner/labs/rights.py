"""What a machine's container may do: privileged where this machine grants it, else all capabilities but one."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import docker
from docker.errors import APIError

from provisioner.errors import LabError

LABEL = "provisioner.lab"
# Every capability Docker Engine 20.10 knows by name, without SYS_RESOURCE, which restricted hosts withhold.
CAPABILITIES = (
    *("AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "CHOWN", "DAC_OVERRIDE"),
    *("DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE"),
    *("LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE"),
    *("NET_BROADCAST", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN"),
    *("SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO"),
    *("SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM"),
)
# The kubelet exits without the kernel's log; privileged pods (kube-proxy) need all devices granted.
KERNEL_LOG = {"PathOnHost": "/dev/kmsg", "PathInContainer": "/dev/kmsg", "CgroupPermissions": "rwm"}
ALL_DEVICES = "a *:* rwm"


class Rights(StrEnum):
    """How a machine's container gets what a machine needs."""

    PRIVILEGED = "privileged"
    RESTRICTED = "restricted"


def options(rights: Rights) -> Mapping[str, object]:
    """The part of Docker's `HostConfig` (API 1.41) that grants `rights`."""
    if rights is Rights.PRIVILEGED:
        return {"Privileged": True}
    return {
        "CapAdd": list(CAPABILITIES),
        "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined", "label=disable"],
        # What the command line calls systempaths=unconfined.
        "MaskedPaths": [],
        "ReadonlyPaths": [],
        "Devices": [KERNEL_LOG],
        "DeviceCgroupRules": [ALL_DEVICES],
    }


def granted(client: docker.DockerClient, image: str, lab: str) -> Rights:
    """The most that this machine grants, tested with a container of `image` that exits at once.

    Raises LabError with the engine's message when it grants neither.
    """
    refusal = ""
    for rights in Rights:
        refusal = _refusal(client, image, lab, rights)
        if not refusal:
            return rights
    raise LabError(
        "containers here cannot get the rights that a lab machine needs",
        hint="run where containers may be privileged: a virtual machine or a server of your own",
        details=refusal,
    )


def _refusal(client: docker.DockerClient, image: str, lab: str, rights: Rights) -> str:
    config = {**client.api.create_host_config(network_mode="none"), **options(rights)}
    made = client.api.create_container(image, ["/bin/true"], labels={LABEL: lab}, host_config=config)
    try:
        client.api.start(made["Id"])
    except APIError as error:
        return str(error.explanation)
    else:
        return ""
    finally:
        client.api.remove_container(made["Id"], force=True, v=True)
