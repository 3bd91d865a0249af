"""No plug-in: the user or other software installs one, and nodes are not Ready until then."""

from __future__ import annotations

from provisioner.networks.plug_in import PlugIn

NONE = PlugIn("none")
