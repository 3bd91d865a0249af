"""Commands for CRI-O: its settings, its images, and how an image is loaded from an archive."""

from __future__ import annotations

from provisioner.core.command import shell
from provisioner.resources.images import Store

SOCKET = "/var/run/crio/crio.sock"
# `crio status` asks the running daemon; up to 1.29 it was a separate program.
_SETTINGS = f"""
exec 2>/dev/null
timeout 15 crio status --socket {SOCKET} config || timeout 15 crio-status --socket {SOCKET} config || :
"""
_IMAGES = f"""
timeout 15 crictl --runtime-endpoint unix://{SOCKET} images 2>/dev/null | awk 'NR > 1 {{ print $1 ":" $2 }}' || :
"""
CRIO_SETTINGS = shell(_SETTINGS)
CRIO_IMAGES = Store(shell(_IMAGES), 'timeout 600 skopeo copy --quiet "docker-archive:$archive" "containers-storage:$5"')
