"""The container runtime that the inventory chooses, and the images that a node needs from the bundle."""

from __future__ import annotations

from provisioner.core.resource import Resource
from provisioner.inventory.model import Host
from provisioner.resources.images import Image, PinnedImage
from provisioner.runtimes import crictl
from provisioner.runtimes.choice import runtime_of
from provisioner.sources.bundle_access import PLACE
from provisioner.world.derived import images, images_of
from provisioner.world.view import View


def desired(view: View, host: Host) -> tuple[Resource, ...]:
    """Images come last: the runtime must run to load them."""
    runtime = runtime_of(view)
    bundle = view.materials.bundle if view.cluster.settings.images_in_bundle else None
    bundled = bundle.images_for(host.role.value) if bundle else ()
    return (
        *runtime.desired(view, host),
        *crictl.configured(view, host),
        *(PinnedImage(name, digest, runtime.images) for name, digest in _pinned(view, host)),
        *(Image(image.name, image.path, image.sha256, PLACE, runtime.images) for image in bundled),
    )


def _pinned(view: View, host: Host) -> tuple[tuple[str, str], ...]:
    """What the version lock file says of the images of this host, and of CoreDNS, which may run on any node."""
    names = () if view.cluster.settings.images_in_bundle else (*images_of(view, host.role), images(view)["coredns"])
    return tuple((name, view.materials.image_digests[name]) for name in names if name in view.materials.image_digests)
