"""Files as text, or why they cannot be read."""

from __future__ import annotations

from pathlib import Path

from provisioner.inventory import places
from provisioner.inventory.findings import Finding


def read(path: Path) -> str | Finding:
    """The text of a file or a pipe, without a byte order mark."""
    file = (str(path),)
    try:
        text = places.content(path, pipes=True).decode("utf-8-sig")
    except OSError as error:
        return unreadable(path, error)
    except UnicodeDecodeError as error:
        return Finding("unreadable", file, f"is not UTF-8 text (byte {error.start})", "save it as UTF-8")
    if text.startswith("$ANSIBLE_VAULT;"):
        hint = "nothing secret belongs here: use SSH keys, and write other values as plain text"
        return Finding("vault", file, "this file is encrypted with ansible-vault", hint)
    return text


def unreadable(path: Path, error: OSError) -> Finding:
    """A file or directory that cannot be read."""
    hint = places.hint(error, path) or "see inventories/ for examples"
    return Finding("unreadable", (str(path),), f"cannot be read: {error.strerror}", hint)
