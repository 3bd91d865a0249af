"""Where things live on the machine of whoever runs this: caches, state, logs."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def state_directory() -> Path:
    """Labs and logs; the environment variable PROVISIONER_STATE_DIR overrides the platform's place."""
    override = os.environ.get("PROVISIONER_STATE_DIR")
    return Path(override) if override else platformdirs.user_state_path("provisioner")


def cache_directory() -> Path:
    """Bundles and images that can be made again."""
    return platformdirs.user_cache_path("provisioner")
