"""The old place of `sources.bundle_access`."""

from __future__ import annotations

from provisioner.sources.bundle_access import APT_MIRRORS, PLACE, Leftovers, closed, opened

__all__ = ["APT_MIRRORS", "PLACE", "Leftovers", "closed", "opened"]
