"""`verify`: run the suite in its own pytest process and turn its output into events and findings.

It has its own process because pytest changes the interpreter that it runs in, and because the user's own pytest
configuration and plug-ins must not be used.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

from provisioner.core.names import some
from provisioner.core.report import Listener, NetworkSeen, Outcome, PhaseBegan, Reach, StepBegan, StepEnded, Waiting
from provisioner.core.untrusted import visible
from provisioner.errors import Problem, ProvisionerError, Severity, UsageError
from provisioner.inventory.model import Cluster

SUITE = "provisioner.verification.suite"
_PLUGIN = "provisioner.verification.plugin"
# pytest's own exit codes: 0 all passed, 1 some failed, 4 usage; https://docs.pytest.org/en/stable/reference/exit-codes.html
_ANSWERS = (0, 1)
_USAGE = 4
# The suite removes its probes when it is interrupted; that takes as long as the deletion of a namespace.
_CLEAN_UP_S = 90


@dataclass(frozen=True, slots=True)
class Scope:
    """What to look at and how: hosts by name, `network` when only the network is asked for, where to write JUnit.

    `suite` are more options of the suite, such as `--sample-above=50`; see `plugin.py`.
    """

    limit: frozenset[str] | None = None
    network: bool = False
    junit: Path | None = None
    suite: tuple[str, ...] = ()


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """How the suite ended. `not_checked` counts checks that another failure made impossible (never counted as passed).

    `reaches` say which targets were reached in the network, empty when that was not tested.
    """

    passed: int
    failed: tuple[Problem, ...]
    seconds: float
    not_checked: int = 0
    skipped: tuple[str, ...] = ()
    reaches: tuple[Reach, ...] = ()

    @property
    def ok(self) -> bool:
        """Nothing is wrong, and everything was checked."""
        return not self.failed


def verify(cluster: Cluster, listen: Listener, scope: Scope = EVERYTHING) -> VerificationResult:
    """Check the hosts and the cluster; nothing is left behind on either.

    UsageError when a host is unknown or the JUnit file cannot be written; ProvisionerError when the suite itself
    failed. What is wrong with the cluster is not an error but the result.
    """
    began_s = time.monotonic()
    limit = scope.limit
    names = tuple(host.name for host in cluster.hosts if limit is None or host.name in limit)
    _check_usage(names, limit)
    require_writable(scope.junit)
    listen(PhaseBegan("verify the network" if scope.network else "verify", names))
    ended = list(_events(_command(cluster, names if limit else (), scope), listen))
    return replace(result(ended), seconds=time.monotonic() - began_s)


def _check_usage(names: tuple[str, ...], limit: frozenset[str] | None) -> None:
    unknown = sorted((limit or frozenset()) - set(names))
    if unknown or not names:
        raise UsageError(
            f"the inventory has no host {', '.join(unknown)}", hint="`provisioner inventory show` lists the hosts"
        )


def require_writable(path: Path | None) -> None:
    """UsageError when a file that will be written at the end cannot be written."""
    if path and not (path.absolute().parent.is_dir() and os.access(path.absolute().parent, os.W_OK)):
        raise UsageError(f"cannot write {path}", hint="create its directory first")


def _command(cluster: Cluster, names: Sequence[str], scope: Scope) -> list[str]:
    """The call of pytest without any configuration, conftest or plug-ins except testinfra's and ours."""
    suite = str(files(SUITE))
    command = [sys.executable, "-m", "pytest", "--pyargs", SUITE]
    command += [f"--rootdir={suite}", f"-c{os.devnull}", "--noconftest"]
    command += ["-pno:cacheprovider", "-ppytest11.testinfra", f"-p{_PLUGIN}", f"--inventory={cluster.path}", "-q"]
    command += [f"--limit={','.join(names)}"] if names else []
    command += ["-mnetwork"] if scope.network else []
    return [*command, *scope.suite, *([f"--junitxml={scope.junit.absolute()}"] if scope.junit else [])]


def _environment() -> dict[str, str]:
    """Our environment without pytest's own variables; https://docs.pytest.org/en/stable/reference/reference.html."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return kept | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def _events(command: list[str], listen: Listener) -> Iterator[dict[str, Any]]:
    """Run pytest, pass on its events as they happen, and yield those of what has ended."""
    with tempfile.TemporaryFile() as output, _pytest(command, output) as (process, pipe):
        for line in pipe:
            event = _visible(json.loads(line))
            tell(event, listen)
            if event["event"] in ("ended", "network"):
                yield event
        _check_exit(process.wait(), output)


@contextmanager
def _pytest(command: list[str], output: IO[bytes]) -> Iterator[tuple[subprocess.Popen[bytes], IO[str]]]:
    """A running pytest and the pipe that it writes its events to; its end is waited for in every case.

    Only we get Ctrl-C (hence the new session): we pass it on once, and pytest removes the probes.
    """
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as pipe:
        process = subprocess.Popen(
            [*command, f"--events-fd={writing}"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(writing,),
            env=_environment(),
            start_new_session=True,
        )
        os.close(writing)
        try:
            yield process, pipe
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_CLEAN_UP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _check_exit(code: int, output: IO[bytes]) -> None:
    if code in _ANSWERS:
        return
    output.seek(0)
    lines = visible(output.read().decode(errors="replace")).strip().splitlines()
    if code == _USAGE:
        raise UsageError("the verification could not start", details="\n".join(lines[-10:]))
    raise ProvisionerError(f"the verification itself failed (pytest: {code})", details="\n".join(lines[-20:]))


def _visible(value: Any) -> Any:
    """The hosts' answers with terminal control characters made visible: in JSON they arrive escaped."""
    if isinstance(value, dict):
        return {name: _visible(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_visible(one) for one in value]
    return visible(value) if isinstance(value, str) else value


def tell(event: dict[str, Any], listen: Listener) -> None:
    """A line of the suite as an event."""
    if event["event"] == "began":
        listen(StepBegan(event["host"], event["title"]))
    elif event["event"] == "waiting":
        listen(Waiting(event["host"], event["what"]))
    elif event["event"] == "network":
        listen(NetworkSeen(_reaches(event)))
    else:
        outcome = _OUTCOMES.get(event["outcome"], Outcome.FAILED)
        listen(StepEnded(event["host"], event["title"], outcome, event["seconds"], event["message"]))


def _reaches(event: dict[str, Any]) -> tuple[Reach, ...]:
    return tuple(Reach(**reach) for reach in event["reaches"])


# A check that could not be made is not reported by itself: its cause is reported as a failure.
_OUTCOMES = {"passed": Outcome.OK, "skipped": Outcome.SKIPPED, "not checked": Outcome.SKIPPED}


def result(ended: Iterable[dict[str, Any]]) -> VerificationResult:
    """Count what has ended. Checks that could not be made are reported once, by the failure that is their cause."""
    events = tuple(ended)
    ended = [event for event in events if event["event"] == "ended"]
    outcomes = Counter(event["outcome"] for event in ended)
    causes = Counter(event["cause"] for event in ended if event["cause"])
    return VerificationResult(
        passed=outcomes["passed"],
        failed=tuple(_problems([event for event in ended if event["outcome"] == "failed"], causes)),
        seconds=sum(event["seconds"] for event in ended),
        not_checked=causes.total(),
        skipped=_skipped(event for event in ended if event["outcome"] == "skipped"),
        reaches=tuple(reach for event in events if event["event"] == "network" for reach in _reaches(event)),
    )


def _skipped(events: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """One line for a check that was skipped on several hosts for the same reason."""
    hosts: dict[tuple[str, str], list[str]] = {}
    for event in events:
        hosts.setdefault((event["title"], event["message"]), []).append(event["host"])
    return tuple(f"{title} ({reason}): {some(names)}" for (title, reason), names in hosts.items())


def _named(event: dict[str, Any]) -> list[Problem]:
    """The problems with their own rule names; the check that found them has no finding of its own."""
    return [Problem(**problem | {"severity": Severity(problem["severity"])}) for problem in event["problems"]]


def _problems(failed: Iterable[dict[str, Any]], causes: Counter[str]) -> Iterator[Problem]:
    left = Counter(causes)
    for event in failed:
        count = left.pop(event["host"], 0)
        more = f" (so {count} more checks could not be made)" if count else ""
        yield from _named(event) or [Problem(event["rule"], event["host"], f"{event['message']}{more}", event["hint"])]
    for host, count in left.items():
        yield Problem("not_checked", host, f"{count} checks could not be made")
