"""How a service is looked at, by the real sh; a program of this test stands in systemctl's place."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provisioner.core.command import Result
from provisioner.resources.services import Service
from tests.patience import LONGEST_S

# Says its states one after the other, and the last one from then on; and when it was asked.
SYSTEMCTL = r"""#!/bin/sh
echo asked >>"$STATE/log"
now=$(head -n 1 "$STATE/states")
if [ "$(wc -l <"$STATE/states")" -gt 1 ]; then sed -i 1d "$STATE/states"; fi
echo "LoadState=loaded"
echo "ActiveState=$now"
echo "UnitFileState=enabled"
"""
PROGRAMS = {"systemctl": SYSTEMCTL, "sleep": "#!/bin/sh\n"}


def look(state: Path, service: Service, *states: str) -> Result:
    """What the probe prints where the service goes through these states."""
    for name, text in PROGRAMS.items():
        (state / name).write_text(text)
        (state / name).chmod(0o755)
    (state / "states").write_text("\n".join(states) + "\n")
    environment = {**os.environ, "PATH": f"{state}:/usr/bin:/bin", "STATE": str(state)}
    argv = service.probe().argv
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=LONGEST_S, env=environment)
    return Result(0, done.stdout, done.stderr, 0.0)


@pytest.mark.parametrize("moving", ["activating", "deactivating", "reloading"])
def test_one_that_is_on_its_way_is_waited_for(tmp_path: Path, moving: str) -> None:
    seen = look(tmp_path, Service("kubelet.service"), moving, moving, "active")
    assert Service("kubelet.service").diff(seen, set()) is None


def test_one_that_never_comes_is_to_be_started(tmp_path: Path) -> None:
    change = Service("kubelet.service").diff(look(tmp_path, Service("kubelet.service"), "activating"), set())
    assert change
    assert change.summary == "start kubelet.service"
    assert 10 < (tmp_path / "log").read_text().count("asked") < 20


@pytest.mark.parametrize(
    ("service", "state"),
    [
        (Service("kubelet.service", running=False), "activating"),
        (Service("kubelet.service"), "failed"),
        (Service("kubelet.service"), "active"),
    ],
    ids=["it need not run", "failed", "active"],
)
def test_otherwise_one_look_is_enough(tmp_path: Path, service: Service, state: str) -> None:
    look(tmp_path, service, state)
    assert (tmp_path / "log").read_text().count("asked") == 1
