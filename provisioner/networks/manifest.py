"""Any other plug-in, from a manifest that the inventory names: applied as it is, but for the images' registry and a
mark that it is ours. What it makes on the hosts is known to nobody here.
"""

from __future__ import annotations

from provisioner.networks.plug_in import PlugIn

MANIFEST = PlugIn("manifest")
