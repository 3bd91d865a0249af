"""Files as text, or why they cannot be read."""

from __future__ import annotations

from pathlib import Path

from provisioner.inventory.findings import Finding


def read(path: Path) -> str | Finding:
    """The text of a file, without a byte order mark."""
    file = (str(path),)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return Finding("unreadable", file, f"cannot be read: {error.strerror}", "see inventories/ for examples")
    except UnicodeDecodeError as error:
        return Finding("unreadable", file, f"is not UTF-8 text (byte {error.start})", "save it as UTF-8")
    if text.startswith("$ANSIBLE_VAULT;"):
        hint = "nothing secret belongs here: use SSH keys, and write other values in the clear"
        return Finding("vault", file, "this file is encrypted with ansible-vault", hint)
    return text
