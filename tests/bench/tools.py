"""The tools to compare with, each in an environment of its own below the user's cache; never a dependency."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from provisioner.errors import BuildError
from provisioner.paths import cache_directory

REQUIREMENTS = {"ansible": "ansible-core>=2.17,<2.21", "pyinfra": "pyinfra>=3.2,<4"}
INSTALL_TIMEOUT_S = 900


def directory() -> Path:
    """Where the environments are kept."""
    return cache_directory() / "bench"


def installed(tool: str) -> Path:
    """The `bin` of the tool's environment, made now from the ordinary package index if it is missing.

    Raises BuildError with pip's last lines when it cannot be made.
    """
    home = directory() / tool
    ready = home / "ready"
    if not ready.exists() or ready.read_text() != REQUIREMENTS[tool]:
        shutil.rmtree(home, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(home))
        pip = (str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet")
        _run(*pip, "install", REQUIREMENTS[tool])
        ready.write_text(REQUIREMENTS[tool])
    return home / "bin"


def version(tool: str) -> str:
    """The version that is installed, such as `ansible-core 2.19.3`."""
    name = REQUIREMENTS[tool].partition(">")[0]
    code = f"import importlib.metadata; print(importlib.metadata.version({name!r}))"
    return f"{name} {_run(str(installed(tool) / 'python'), '-c', code).strip()}"


def _run(*argv: str) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"not installed within {INSTALL_TIMEOUT_S} s") from error
    if done.returncode:
        raise BuildError("could not be installed", details="\n".join(done.stderr.strip().splitlines()[-3:]))
    return done.stdout
