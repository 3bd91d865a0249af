"""What Docker is asked, by the real sh; a program of this test answers in Docker's place."""

from __future__ import annotations

import subprocess
from pathlib import Path

from provisioner.core.command import Result
from provisioner.resources.docker import DOCKER_IMAGES, DockerDrivers
from provisioner.resources.images import Image
from tests.patience import LONGEST_S

INFO = 'if [ "$1" = info ]; then sleep 0.2; echo "drivers: systemd overlay2"; else echo "k8s.gcr.io/pause:3.2"; fi'


def asked(directory: Path, docker: str) -> str:
    program = directory / "docker"
    program.write_text(f"#!/bin/sh\n{docker}\n")
    program.chmod(0o755)
    path = {"PATH": f"{directory}:/usr/bin:/bin"}
    words = DockerDrivers("x").probe().argv
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=LONGEST_S, env=path)
    assert done.returncode == 0, done
    return done.stdout


def test_drivers_and_images_are_told_at_once(tmp_path: Path) -> None:
    assert asked(tmp_path, INFO) == "drivers: systemd overlay2\nk8s.gcr.io/pause:3.2\n"


def test_a_docker_that_does_not_answer_is_a_state(tmp_path: Path) -> None:
    """Docker prints its empty answer all the same."""
    said = asked(tmp_path, 'if [ "$1" = info ]; then echo "drivers:  "; fi; echo "Cannot connect" >&2; exit 1')
    assert DockerDrivers("x").diff(Result(0, said), set()) is None


def test_a_machine_without_docker_has_no_images(tmp_path: Path) -> None:
    said = asked(tmp_path, "exit 127")
    assert said.split() == []
    assert Image("k8s.gcr.io/pause:3.2", "x", "x", "x", DOCKER_IMAGES).diff(Result(0, said), set())
