"""What the running Docker daemon really uses: its configuration may say otherwise, or be overridden."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from provisioner.core.command import Command, Result, shell
from provisioner.core.resource import Change
from provisioner.resources.images import Store

_DRIVERS = "drivers: "
# Both commands at the same time, since each waits for the daemon. The names of the images come last, all at once.
_PROBE = f"""
docker info --format "{_DRIVERS}{{{{.CgroupDriver}}}} {{{{.Driver}}}}" 2>/dev/null &
images=$(docker image ls --format "{{{{.Repository}}}}:{{{{.Tag}}}}" 2>/dev/null || :)
wait
echo "$images"
"""


def docker_told() -> Command:
    """Docker's drivers and the names of all its images: one command for all resources that need them."""
    return shell(_PROBE)


_DIGESTS = 'docker image ls --digests --format "{{.Repository}}:{{.Tag}} {{.Digest}}" 2>/dev/null || :'
DOCKER_IMAGES = Store(
    docker_told(),
    'docker load --quiet --input "$archive"',
    shell(_DIGESTS),
    'docker pull --quiet "$2"; docker tag "$2" "$1"',
)


@dataclass(frozen=True, slots=True)
class DockerDrivers:
    """Docker uses the same cgroup driver as the kubelet, and the desired storage driver."""

    unit: str
    cgroup: str = "systemd"
    storage: str = "overlay2"

    @property
    def key(self) -> str:
        """`docker drivers`."""
        return "docker drivers"

    def probe(self) -> Command:
        """What the daemon reports; nothing if it does not run."""
        return docker_told()

    def diff(self, seen: Result, changed: AbstractSet[str]) -> Change | None:
        """Restart it, so that it reads its configuration; not if it is started or restarted anyway."""
        told = next((line for line in seen.stdout.splitlines() if line.startswith(_DRIVERS)), "")
        now = told.removeprefix(_DRIVERS).split()
        if len(now) != 2 or f"service {self.unit}" in changed:
            return None
        found = (
            (
                f"Docker uses the cgroup driver {now[0]}, the kubelet {self.cgroup}",
                "cgroup driver",
                now[0],
                self.cgroup,
            ),
            (f"Docker uses the storage driver {now[1]}, not {self.storage}", "storage driver", now[1], self.storage),
        )
        wrong = [one for one in found if one[2] != one[3]]
        if not wrong:
            return None
        return Change(
            f"restart {self.unit} ({'; '.join(why for why, *_ in wrong)})",
            (Command(("systemctl", "restart", self.unit), timeout_s=180),),
            diff="".join(f"-{what} {is_now}\n+{what} {desired}\n" for _, what, is_now, desired in wrong),
        )
