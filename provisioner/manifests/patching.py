"""Setting values at known places of a manifest. A missing place is always an error: then this was written for
another manifest.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import Any, TypeVar

from provisioner.core.objects import Object, Objects, containers, name_of
from provisioner.errors import PreflightError
from provisioner.inventory.networks import Foreign, Released, release
from provisioner.world.view import View

Kind = TypeVar("Kind")

# On every object that provisioner applies, so that they can be found again to be removed.
LABEL = "provisioner/network"


@dataclass(frozen=True, slots=True)
class Draft:
    """A copy of a manifest's objects in which values can be set."""

    origin: str
    items: tuple[Object, ...]

    def one(self, kind: str, name: str) -> Object:
        """The object of that kind and name; PreflightError when there is none."""
        for item in self.items:
            if (item["kind"], item["metadata"]["name"]) == (kind, name):
                return item
        raise missing(self.origin, f"{kind} {name}")

    def container(self, item: Object, name: str) -> Object:
        """A container of the pods that an object creates."""
        for container in containers(item):
            if container["name"] == name:
                return container
        raise missing(self.origin, f"container {name} in {name_of(item)}")

    def text(self, item: Object, key: str) -> str:
        """The value of a key in a ConfigMap."""
        value = item.get("data", {}).get(key)
        if not isinstance(value, str):
            raise missing(self.origin, f"key {key} in {name_of(item)}")
        return value

    def parsed(self, item: Object, key: str) -> Any:
        """The same, read as JSON."""
        try:
            return json.loads(self.text(item, key))
        except ValueError:
            raise missing(self.origin, f"JSON in key {key} of {name_of(item)}") from None

    def done(self, *more: Object) -> Objects:
        """The finished objects, with additional objects."""
        return Objects(self.origin, (*self.items, *more))


def desired(view: View, kind: type[Kind]) -> Kind:
    """The network that the inventory wants, of the plug-in's kind (TypeError otherwise)."""
    network = view.cluster.settings.network
    if not isinstance(network, kind):
        raise TypeError(f"this is for {kind.__name__}, and the cluster's network is {network!r}")
    return network


def draft(objects: Objects) -> Draft:
    """A copy; CustomResourceDefinitions, which are large and not changed, are shared with the original."""
    shared = "CustomResourceDefinition"
    return Draft(
        objects.origin, tuple(item if item["kind"] == shared else copy.deepcopy(item) for item in objects.items)
    )


def missing(origin: str, place: str) -> PreflightError:
    """The error for a place that a manifest does not have."""
    hint = "It is not the manifest that this version of provisioner was written for; nothing was changed."
    return PreflightError(f"{origin}: there is no {place}", hint=hint)


def set_json(item: Object, key: str, value: object) -> None:
    """Write a value as JSON into a ConfigMap's key."""
    item["data"][key] = json.dumps(value, indent=2) + "\n"


def set_variable(container: Object, name: str, value: str) -> None:
    """Set an environment variable: in its place, or at the end."""
    variables = container.get("env") or []
    desired = {"name": name, "value": value}
    found = [number for number, variable in enumerate(variables) if variable["name"] == name]
    if found:
        variables[found[0]] = desired
    else:
        variables.append(desired)
    container["env"] = variables


def set_argument(container: Object, name: str, value: str) -> None:
    """Set a flag `--name=value`: in its place, or at the end."""
    arguments = container.setdefault("args", [])
    others = [argument for argument in arguments if argument.partition("=")[0] != f"--{name}"]
    container["args"] = [*others, f"--{name}={value}"]


def finished(objects: Objects, view: View) -> Objects:
    """What is changed in every manifest: images are pinned and from the desired registry, objects get our label."""
    network = view.cluster.settings.network
    done = draft(objects)
    row = release(network, view.cluster.settings.kubernetes_version.minor)
    registry = network.registry if isinstance(network, Released | Foreign) else None
    for item in done.items:
        for container in containers(item):
            pinned = _pinned(container, row.images, objects.origin) if row else container["image"]
            container["image"] = _mirrored(pinned, registry) if registry else pinned
            if row and container.get("imagePullPolicy") == "Always":
                # The tag is exact: an image that is already on the node is right, and may be the only available one.
                container["imagePullPolicy"] = "IfNotPresent"
    return Objects(done.origin, tuple(_marked(item, network.type) for item in done.items))


def _marked(item: Object, name: str) -> Object:
    labels = {**(item["metadata"].get("labels") or {}), LABEL: name}
    return {**item, "metadata": {**item["metadata"], "labels": labels}}


def _pinned(container: Object, images: tuple[str, ...], origin: str) -> str:
    """The image with the tag of the version; upstream's manifests may have `latest`, or no tag."""
    bare = _full(container["image"])
    for image in images:
        if image.rpartition(":")[0] == bare:
            return image
    raise missing(origin, f"pinned version of the image {container['image']} in the catalog")


def _full(image: str) -> str:
    """Without its tag, with its registry: `docker.io/weaveworks/weave-npc` for `weaveworks/weave-npc:latest`."""
    last = image.rpartition("/")[2]
    bare = image[: -len(last)] + last.partition("@")[0].partition(":")[0]
    first, slash, _ = bare.partition("/")
    return bare if slash and ("." in first or ":" in first) else f"docker.io/{bare}"


def _mirrored(image: str, registry: str) -> str:
    """The same path at another registry."""
    first, slash, path = image.partition("/")
    has_host = bool(slash) and ("." in first or ":" in first)
    return f"{registry}/{path if has_host else image}"
