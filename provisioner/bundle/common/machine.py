"""The machine that a bundle is built on: its architecture, its proxy settings, and where its bundles are kept."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from platformdirs import user_cache_path

from provisioner.bundle.common.mirror import apt_options
from provisioner.errors import BundleError

PROXIES = ("http_proxy", "https_proxy", "no_proxy")


def default_cache() -> Path:
    """Where bundles are kept: `bundles` in this program's directory of the user's cache."""
    return user_cache_path("provisioner") / "bundles"


def machine_architecture() -> str:
    """Debian's name of this machine's architecture; BundleError without dpkg."""
    try:
        command = ["dpkg", "--print-architecture"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        raise BundleError(
            "a bundle can only be built on a machine with dpkg",
            hint="Build it on Debian or Ubuntu and copy the directory here.",
        ) from None


def proxies() -> dict[str, str]:
    """The proxy variables of this machine, which apt in the root needs as well."""
    return {name: value for name, value in os.environ.items() if name.lower() in PROXIES}


def machine_apt_options() -> tuple[str, ...]:
    """The proxy and certificate settings of apt on this machine; none without apt."""
    try:
        dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ()
    return apt_options(dump)
