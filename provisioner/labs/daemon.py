"""Docker's daemon where no systemd starts it: started by hand, recognised by its command line, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from provisioner.errors import LabError
from provisioner.labs import packages, state
from provisioner.labs.processes import run

STOP_TIMEOUT_S = 30.0
POLL_S = 0.2


def _pid_file() -> Path:
    return state.engine_directory() / "dockerd.pid"


def log_file() -> Path:
    """The daemon's log file."""
    return state.engine_directory() / "dockerd.log"


def start(prefix: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """Start the daemon, detached from this process and its terminal; the socket belongs to the user's own group."""
    _pid_file().unlink(missing_ok=True)
    argv = [*prefix, "dockerd", f"--pidfile={_pid_file()}", f"--group={os.getgid()}"]
    with log_file().open("ab") as log:
        daemon = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
        )
    # It outlives this process; if it ends earlier, this thread collects its exit code.
    threading.Thread(target=daemon.wait, daemon=True).start()
    return daemon


def started_by_us() -> int | None:
    """The process id of the engine that was started by hand, or None. A reused id is not mistaken for it."""
    try:
        pid = int(_pid_file().read_text())
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if f"--pidfile={_pid_file()}".encode() in arguments else None


def stop(pid: int) -> None:
    """Stop the daemon and wait until it has ended. Raises LabError when it does not end."""
    if os.geteuid() == 0:
        os.kill(pid, signal.SIGTERM)
    else:
        run([*(packages.root_prefix() or ()), "kill", "-TERM", str(pid)], timeout_s=STOP_TIMEOUT_S)
    deadline_s = time.monotonic() + STOP_TIMEOUT_S
    while started_by_us() is not None:
        if time.monotonic() > deadline_s:
            raise LabError(f"Docker Engine (process {pid}) does not stop", hint=f"read {log_file()}")
        time.sleep(POLL_S)
