"""kubectl on a control plane, over the suite's own SSH connection; this machine needs no access to the API."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

# A control plane's own administrator; see kubeadm's documentation of `kubeadm init phase kubeconfig admin`.
_ADMIN = "/etc/kubernetes/admin.conf"


class AskError(AssertionError):
    """A question could not be answered; the message is one line."""


class KubectlError(AskError):
    """kubectl refused; the message is its last line."""


class LostError(AskError):
    """The connection to the host broke or could not be made; `said` is everything that ssh printed."""

    def __init__(self, said: str) -> None:
        """The message is the last line."""
        lines = [line for line in said.splitlines() if line.strip()]
        super().__init__(f"lost the connection: {lines[-1] if lines else 'ssh printed nothing'}")
        self.said = said


def run(host: Any, command: str, *arguments: str) -> tuple[int, str, str]:
    """Run a command through testinfra: exit code, standard output, standard error; LostError when ssh fails."""
    try:
        answer = host.run(command, *arguments)
    except RuntimeError as error:
        # testinfra's ssh back end raises its whole result when ssh itself ends with 255.
        raise LostError(str(error.args[0].stderr)) from error
    return answer.rc, answer.stdout, answer.stderr


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl on one control plane. `host` is testinfra's; `name` is the host's in the inventory."""

    name: str
    host: Any

    def __call__(self, *arguments: str, stdin: str = "", timeout_s: int = 30) -> str:
        """What kubectl printed; KubectlError with its last line when it failed.

        Neither `arguments` nor `stdin` may hold a secret: both can be seen in the host's process list.
        """
        argv = ["timeout", str(timeout_s), "kubectl", f"--kubeconfig={_ADMIN}", *arguments]
        feed = f"printf %s {shlex.quote(stdin)} | " if stdin else ""
        code, output, errors = run(self.host, "/bin/sh -c %s", feed + shlex.join(argv))
        if code != 0:
            raise KubectlError(_refusal(arguments, code, errors))
        return output

    def json(self, *arguments: str) -> dict[str, Any]:
        """The same with `-o json`, parsed."""
        answer: dict[str, Any] = json.loads(self(*arguments, "-o", "json"))
        return answer


def _refusal(arguments: tuple[str, ...], code: int, errors: str) -> str:
    lines = errors.strip().splitlines()
    # timeout(1) answers 124.
    said = lines[-1] if lines else "no answer in time" if code == 124 else f"exit code {code}"
    words = [word for word in arguments if not word.startswith("-")]
    return f"kubectl {' '.join(words[:2])}: {said}"
