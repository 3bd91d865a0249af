"""What every builder asks apt: which packages a host has already."""

from __future__ import annotations

import re

# What every Debian system has, however small: `mmdebstrap --variant=minbase` installs just these.
MINIMAL = ("?essential", "?priority(required)", "apt")


def fetched(print_uris: str) -> dict[str, str]:
    """Name and version of each package in the output of `apt-get install --print-uris`."""
    lines = re.findall(r"^'\S+' ([^_\s]+)_([^_\s]+)_[^_\s]+\.deb ", print_uris, re.MULTILINE)
    return {name: version.replace("%3a", ":") for name, version in lines}
