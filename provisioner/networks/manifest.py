"""Any other plug-in, from a manifest that the inventory names: applied as it is, except for the images' registry and a
label of provisioner. What it changes on the hosts is unknown.
"""

from __future__ import annotations

from provisioner.networks.plug_in import PlugIn

MANIFEST = PlugIn("manifest")
