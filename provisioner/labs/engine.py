"""Docker Engine on this machine: used when it exists, installed and started when it does not.

Where systemd is init, the engine is a systemd service. Elsewhere it is started by hand and belongs to this project:
it is stopped when the last lab goes down (what it has stored stays).
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import docker
from docker.context import ContextAPI
from docker.errors import DockerException

from provisioner.core.report import Listener, Note, Waiting, step
from provisioner.errors import LabError
from provisioner.labs import daemon, packages, state
from provisioner.labs.processes import last_lines, run

HOST = "engine"
PACKAGES = ("docker.io",)
START_TIMEOUT_S = 60.0
GRANT_TIMEOUT_S = 30.0
# Another run may be installing the engine right now.
INSTALL_WAIT_S = 600.0
POLL_S = 0.2
SOCKET = Path("/var/run/docker.sock")
# The parallel work of a lab shares one client; urllib3 warns when its pool is too small.
POOL_SIZE = 64


def reachable(timeout_s: float = 60.0) -> docker.DockerClient | None:
    """A client of the engine that the user's `docker` command would talk to, or None when none answers there.

    `timeout_s` is how long each later request may take. The caller closes the client.
    """
    try:
        where = _where()
        if not _listens(str(where.get("base_url", f"unix://{SOCKET}"))):
            return None
        return docker.DockerClient(timeout=timeout_s, max_pool_size=POOL_SIZE, **where)
    except (DockerException, OSError):
        return None


def _listens(address: str) -> bool:
    """Whether a process listens on a local socket; docker-py leaks its own socket when none does."""
    if not address.startswith("unix://"):
        return True
    with closing(socket.socket(socket.AF_UNIX)) as probe:
        return probe.connect_ex("/" + address.removeprefix("unix://").lstrip("/")) == 0


def _where() -> dict[str, object]:
    """DOCKER_HOST and related variables; else the command line's context (Docker Desktop has its own socket)."""
    given: dict[str, object] = docker.utils.kwargs_from_env()
    if given:
        return given
    context = ContextAPI.get_current_context()
    return {"base_url": context.Host} if context is not None and context.Host else {}


def ensure(listen: Listener) -> docker.DockerClient:
    """A client of a running engine, which is installed and started when there is none. The caller closes it.

    Raises LabError when that is not possible here, saying what to do; BuildError when the installation fails.
    """
    # Take the lock even if an engine answers: another run may be about to stop it.
    with state.locked(state.engine_directory(), wait_s=INSTALL_WAIT_S) as home:
        try:
            client = reachable()
            if client is not None:
                return client
            _refuse_another_engine()
            return _made_to_answer(listen)
        finally:
            if not any(home.iterdir()):
                state.forget(home)


def _made_to_answer(listen: Listener) -> docker.DockerClient:
    if not installed() and not SOCKET.is_socket():
        _install(listen)
    with step(listen, HOST, "start Docker Engine"):
        return _start(listen)


def installed() -> bool:
    """Whether the daemon is installed on this machine."""
    return packages.has_program("dockerd")


def _refuse_another_engine() -> None:
    given = os.environ.get("DOCKER_HOST")
    if given:
        raise LabError(
            f"no Docker Engine answers at DOCKER_HOST={given}",
            hint="start that engine, or unset DOCKER_HOST to use the one on this machine",
        )


def _install(listen: Listener) -> None:
    if not packages.has_apt():
        raise LabError(
            "no Docker Engine answers, and it cannot be installed automatically on this system",
            hint="install and start Docker Desktop or Docker Engine: https://docs.docker.com/get-docker/",
        )
    listen(Note(f"Docker Engine is not installed; these packages will be installed: {' '.join(PACKAGES)}"))
    packages.install(PACKAGES, listen)


def _refuses_us() -> bool:
    return SOCKET.is_socket() and not os.access(SOCKET, os.R_OK | os.W_OK)


def _let_us_in(listen: Listener) -> None:
    """Give this user access to the socket until the engine restarts; only with sudo, which would allow it anyway."""
    prefix = packages.root_prefix()
    if not prefix:
        raise LabError(
            f"you are not allowed to use the Docker Engine of this machine ({SOCKET})",
            hint="run as root, or ask an administrator for: usermod -aG docker USER; then log in again",
        )
    packages.install(("acl",), listen)
    with step(listen, HOST, "give this user access to the engine's socket until the engine restarts"):
        run([*prefix, "setfacl", "--modify", f"user:{os.getuid()}:rw", str(SOCKET)], timeout_s=GRANT_TIMEOUT_S)


def _start(listen: Listener) -> docker.DockerClient:
    if _refuses_us():
        _let_us_in(listen)
    client = reachable()
    if client is not None:
        return client
    prefix = packages.root_prefix()
    if prefix is None or not installed():
        raise LabError(
            "Docker Engine does not run, and you are not allowed to start it",
            hint="start it (systemctl start docker, or Docker Desktop), or run as root",
        )
    if Path("/run/systemd/system").is_dir():
        argv = [*prefix, "systemctl", "start", "docker.service"]
        run(argv, timeout_s=START_TIMEOUT_S, hint="read: journalctl -u docker")
        return _answering(listen, alive=lambda: True)
    process = daemon.start(prefix)
    return _answering(listen, alive=lambda: process.poll() is None)


def _answering(listen: Listener, alive: Callable[[], bool]) -> docker.DockerClient:
    listen(Waiting(HOST, "the engine's answer"))
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s and alive():
        client = reachable()
        if client is not None:
            return client
        if _refuses_us():
            _let_us_in(listen)
        time.sleep(POLL_S)
    log = daemon.log_file().read_text(errors="replace") if daemon.log_file().exists() else ""
    raise LabError(
        "Docker Engine was started but does not answer",
        hint=f"read {daemon.log_file()}" if log else "read: journalctl -u docker",
        details=last_lines(log),
    )


def stop_engine(listen: Listener) -> bool:
    """Stop the engine if it was started by hand and no lab or container is left; returns whether it was stopped.

    What it stores under /var/lib/docker (the machines' image) stays.
    """
    if daemon.started_by_us() is None:
        return False
    with state.locked(state.engine_directory(), wait_s=INSTALL_WAIT_S) as home:
        pid = daemon.started_by_us()
        if pid is None or _is_in_use():
            return False
        with step(listen, HOST, "stop Docker Engine"):
            daemon.stop(pid)
            state.forget(home)
        return True


def _is_in_use() -> bool:
    # A lab that is being made may have nothing in the engine yet.
    if state.names():
        return True
    client = reachable()
    if client is None:
        return False
    with closing(client):
        return bool(client.containers.list(all=True))


def is_local_linux() -> bool:
    """Whether containers' addresses can be reached from here: not when the engine is in a virtual machine."""
    given = os.environ.get("DOCKER_HOST", "unix://")
    return sys.platform == "linux" and given.startswith("unix://")
