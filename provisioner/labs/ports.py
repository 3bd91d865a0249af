"""Published ports: checked before anything is made, because the engine would only notice a conflict half-way."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import closing

from provisioner.errors import LabError, Problem
from provisioner.labs.spec import LOOPBACK, Machine


def refuse_taken(machines: Iterable[Machine]) -> None:
    """Raise LabError with every published port of `machines` on which another process already listens."""
    taken = [one for one in machines if one.ssh_host == LOOPBACK and not _is_free(one.ssh_port)]
    if taken:
        raise LabError(
            f"published ports on {LOOPBACK} are already taken",
            [Problem("lab", one.name, f"port {one.ssh_port} is taken") for one in taken],
            hint="choose another first port, or stop the process that listens there (ss -ltnp)",
        )


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        # As the engine does it: what remains of a closed connection does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
