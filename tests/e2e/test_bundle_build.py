"""A build that is killed leaves nothing behind and goes on; a failing command says what happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provisioner.bundle.common.process import Runner
from provisioner.bundle.common.workspace import Stage, finish, only_one
from provisioner.core.report import Event, Waiting, ignore
from provisioner.errors import BuildError, LockHeldError
from tests.patience import LONGEST_S

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="building a bundle needs root"),
]

# A build of one stage that holds the lock, mounts something below its directory and takes very long.
ENDLESS = """
import signal
import sys
from pathlib import Path
# Also when the tests were begun in the background of a script, where Ctrl-C is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
from provisioner.bundle.common.workspace import Stage, finish, only_one
from provisioner.core.report import ignore

def make(work):
    (work.into / "mounted").mkdir()
    script = 'mount -t tmpfs tmpfs "$1/mounted"; (sleep 1000 & wait) & touch "$1/begun"; wait'
    work.runner.run(["sh", "-euc", script, "sh", str(work.into)])

workspace = Path(sys.argv[1])
with only_one(workspace):
    finish(Stage("endless", "take very long", make), workspace, ignore)
"""


def begun_build(workspace: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", ENDLESS, str(workspace)])
    deadline_s = time.monotonic() + LONGEST_S
    while not list(workspace.glob("endless-*.part/begun")):
        assert process.poll() is None, "the build ended by itself"
        assert time.monotonic() < deadline_s, "the build did not begin"
        time.sleep(0.05)
    return process


def processes_naming(text: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in command:
            found.append(command)
    return found


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_build_leaves_no_process_no_mount_no_lock(tmp_path: Path, how: signal.Signals) -> None:
    process = begun_build(tmp_path)
    process.send_signal(how)
    process.wait(timeout=LONGEST_S)
    deadline_s = time.monotonic() + LONGEST_S
    while processes_naming(str(tmp_path)) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert processes_naming(str(tmp_path)) == []
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    with only_one(tmp_path):
        done = finish(Stage("endless", "now it ends", lambda work: (work.into / "x").touch()), tmp_path, ignore)
    assert [path.name for path in done.iterdir()] == ["x"]


def test_a_second_build_names_the_first_ones_process(tmp_path: Path) -> None:
    process = begun_build(tmp_path)
    try:
        with pytest.raises(LockHeldError, match=f"process {process.pid} since"), only_one(tmp_path):
            pytest.fail("two builds at once")
    finally:
        process.kill()
        process.wait()


def test_a_failure_shows_command_last_lines_and_log(tmp_path: Path) -> None:
    log = tmp_path / "stage.log"
    with pytest.raises(BuildError, match=r"`sh -c .*` ended with 3") as caught:
        Runner(log, ignore).run(["sh", "-c", "seq 1 30; echo broken >&2; exit 3"])
    assert caught.value.details.splitlines() == [*(str(number) for number in range(22, 31)), "broken"]
    assert str(log) in caught.value.hint
    assert "\n1\n" in log.read_text()


def test_reading_a_commands_output_keeps_errors_out_of_it(tmp_path: Path) -> None:
    log = tmp_path / "stage.log"
    assert Runner(log, ignore).read(["sh", "-c", "echo out; echo err >&2"]) == "out\n"
    assert "err" in log.read_text()


def test_what_is_going_on_is_told(tmp_path: Path) -> None:
    events: list[Event] = []
    Runner(tmp_path / "stage.log", events.append).run(["sh", "-c", "sleep 2.2; echo compiling this"])
    assert events == [Waiting("bundle", "compiling this")]
