"""The container runtime that the inventory chooses, and the images that a node needs from the bundle."""

from __future__ import annotations

from provisioner.core.play import View
from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.resources.images import Image
from provisioner.runtimes import crictl
from provisioner.runtimes.choice import chosen
from provisioner.sources.bundle_access import PLACE


def desired(view: View, host: Host) -> tuple[Resource, ...]:
    """Images come last: the runtime has to run to take them."""
    runtime = chosen(view)
    images = view.bundle.images_for(host.role.value) if view.bundle and view.cluster.settings.images_in_bundle else ()
    return (
        *runtime.desired(view, host),
        *crictl.configured(view, host),
        *(Image(image.name, image.path, image.sha256, PLACE, runtime.images) for image in images),
    )
