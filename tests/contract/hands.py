"""What a test does to a machine beside our commands, and what it sees of it: by hand, on a fake and on a real one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from provisioner.core.command import Command


class Hands(Protocol):
    """Everything takes effect at once; what is not there is no error."""

    def put(self, path: str, text: str, mode: str = "644", owner: str = "root:root") -> None: ...
    def remove(self, path: str) -> None: ...
    def read(self, path: str) -> str: ...
    def head(self, path: str) -> str:
        """`644 root:root`, or nothing where no file is."""

    def names(self, directory: str) -> set[str]:
        """The files in a directory, hidden ones too."""

    def age(self, path: str, seconds: int) -> None:
        """As if it had been written so long ago."""

    def leave_running(self, seconds: int) -> None:
        """A command of a killed run, `sleep SECONDS`, is still at work."""

    def stop(self, unit: str) -> None: ...
    def kill(self, unit: str) -> None: ...
    def disable(self, unit: str) -> None: ...
    def started(self, unit: str) -> str:
        """Tells one life of its process from the next."""

    def set(self, setting: str, value: str) -> None: ...
    def unhold(self, package: str) -> None: ...
    def purge(self, package: str) -> None: ...
    def half_install(self, package: str, version: str) -> None:
        """As if the power had gone while dpkg unpacked it."""

    def half_configure(self, package: str) -> None:
        """As if it had gone while dpkg configured it."""

    def occupy_packages(self, seconds: int) -> None:
        """Another program holds dpkg's lock for so long."""

    def kill_when(self, command: Command, path: str) -> None:
        """Run the command and kill it as soon as that file is there."""

    def trace(self) -> str:
        """Different as soon as something is written where it would last."""

    def stop_api(self) -> None:
        """Stop the kubelet and the API server."""

    def later(self) -> None:
        """Let so much time pass that a file written now is newer than what has started."""

    def reboot(self) -> None:
        """Without asking; it is up again afterwards."""

    def neighbour(self, address: str, *swallowed: str) -> AbstractContextManager[None]:
        """Another machine beside it for a while, where nobody listens; it swallows these ports (`TCP 6443`)."""

    def cut(self) -> None:
        """The machine does not answer any more."""

    def fix(self) -> None:
        """It does again."""
