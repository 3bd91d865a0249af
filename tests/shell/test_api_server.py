"""The API server's key and its age, by the real sh; a program of this test stands in the API server's place."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import time
from pathlib import Path

import yaml

from provisioner.core.command import Command
from provisioner.core.resource import Resource
from provisioner.resources.api_server import ApiServerCurrent, EncryptionKey
from tests.builders import ok
from tests.patience import LONGEST_S


def run(command: Command) -> str:
    done = subprocess.run(command.argv, capture_output=True, text=True, check=False, timeout=LONGEST_S)
    assert done.returncode == 0, done
    return done.stdout


def fixing(resource: Resource, seen: str) -> Command:
    change = resource.diff(ok(seen), set())
    assert change
    return change.commands[0]


def test_a_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "encryption" / "configuration.yaml"
    want = EncryptionKey(str(path))
    assert run(want.probe()) == ""
    run(fixing(want, ""))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert run(want.probe()).startswith("600 ")
    first = path.read_text()
    run(fixing(want, ""))
    assert path.read_text() == first


def test_the_key_is_what_the_api_server_wants(tmp_path: Path) -> None:
    """secretbox takes 32 bytes; the provider that writes comes first."""
    keys = set()
    for name in ("one", "other"):
        run(fixing(EncryptionKey(str(tmp_path / name)), ""))
        (resources,) = yaml.safe_load((tmp_path / name).read_text())["resources"]
        writer, reader = resources["providers"]
        (key,) = writer["secretbox"]["keys"]
        assert len(base64.b64decode(key["secret"])) == 32
        assert (resources["resources"], reader) == (["secrets"], {"identity": {}})
        keys.add(key["secret"])
    assert len(keys) == 2


def test_what_a_killed_run_left_of_a_key_is_no_key(tmp_path: Path) -> None:
    (tmp_path / ".configuration.provisioner").write_text("half")
    run(fixing(EncryptionKey(str(tmp_path / "configuration.yaml")), ""))
    assert os.listdir(tmp_path) == ["configuration.yaml"]


def test_an_api_server_older_than_its_policy_is_told(tmp_path: Path) -> None:
    """Another API server of this machine is not meant: it has not been told of this file."""
    server, policy = tmp_path / "kube-apiserver", tmp_path / "policy.yaml"
    server.write_text("#!/bin/sh\necho here\nread line\n")
    server.chmod(0o755)
    policy.touch()
    want = ApiServerCurrent("audit-policy-file", str(policy))
    assert run(want.probe()) == ""
    argv = [str(server), "--v=2", f"--audit-policy-file={policy}"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()  # a process that has just begun has no command line for a moment
        os.utime(policy, (time.time() + 60,) * 2)
        assert run(want.probe()) == "running\nolder\n"
        os.utime(policy, (time.time() - 60,) * 2)
        assert run(want.probe()) == "running\n"
        process.communicate(b"\n")
    assert run(want.probe()) == ""
