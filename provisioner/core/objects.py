"""Kubernetes objects of a manifest: read from YAML, found by kind and name, written as JSON for kubectl.

They stay nested mappings, in Kubernetes' own form: fields that are not known here are passed on unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from provisioner import bounded_yaml
from provisioner.errors import PreflightError

Object = dict[str, Any]

_HTML = ("<!doctype html", "<html")
_WANTED = "It must be a manifest that `kubectl apply` accepts."
_POD_MAKERS = ("DaemonSet", "Deployment", "StatefulSet", "ReplicaSet", "Job")


@dataclass(frozen=True, slots=True)
class Objects:
    """All objects of a manifest, in order; `origin` is the file or URL that it came from."""

    origin: str
    items: tuple[Object, ...]

    def of_kind(self, kind: str) -> tuple[Object, ...]:
        """All objects of a kind."""
        return tuple(item for item in self.items if item["kind"] == kind)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that the manifest itself creates."""
        return tuple(item["metadata"]["name"] for item in self.of_kind("Namespace"))

    @property
    def images(self) -> tuple[str, ...]:
        """Every image that its pods use, each once."""
        found = (container["image"] for item in self.items for container in containers(item))
        return tuple(dict.fromkeys(found))

    def mentions(self, text: str) -> bool:
        """Whether a text occurs anywhere in them."""
        return any(text in json.dumps(item) for item in self.items if item["kind"] != "CustomResourceDefinition")

    def as_json(self) -> str:
        """One List for `kubectl apply -f -`."""
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(self.items)}) + "\n"


def name_of(item: Object) -> str:
    """`DaemonSet kube-flannel/kube-flannel-ds`, or `Namespace kube-flannel` for an object without a namespace."""
    metadata = item["metadata"]
    place = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{item['kind']} {place}{metadata['name']}"


def pod_spec(item: Object) -> Object:
    """The pod spec in an object; empty for an object that creates no pods."""
    made: Object = item["spec"]["template"]["spec"] if item["kind"] in _POD_MAKERS else {}
    return made


def containers(item: Object) -> Iterator[Object]:
    """The containers of the pods that an object creates, init containers first."""
    spec = pod_spec(item)
    yield from (*spec.get("initContainers", ()), *spec.get("containers", ()))


def is_page(text: str) -> bool:
    """Whether this is an HTML page, such as a login page or a page that displays a file."""
    return text.lstrip()[:20].lower().startswith(_HTML)


def parse(text: str, origin: str) -> Objects:
    """The objects of a manifest; PreflightError, saying what it is instead, for a text that is not a manifest."""
    if is_page(text):
        message = f"{origin}: is an HTML page, not a manifest"
        raise PreflightError(message, hint="Give the URL of the file itself (raw), not of the page that shows it.")
    items = tuple(item for document in _documents(text, origin) for item in _flat(document, origin))
    if not items:
        raise PreflightError(f"{origin}: is empty", hint=_WANTED)
    try:
        json.dumps(items, allow_nan=False)
    except (TypeError, ValueError) as error:
        hint = "Kubernetes has no dates, sets or bytes: put such a value in quotes."
        raise PreflightError(f"{origin}: has a value that kubectl does not accept ({error})", hint=hint) from None
    return Objects(origin, items)


def _documents(text: str, origin: str) -> list[Any]:
    try:
        return [document for document in bounded_yaml.load_all(text) if document]
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f" (line {place.line + 1})" if place else ""
        what = f"is not read: {error.problem}" if isinstance(error, bounded_yaml.TooMuchError) else "is not YAML"
        hint = "It must be YAML or JSON in the form that `kubectl` accepts and prints."
        raise PreflightError(f"{origin}: {what}{where}", hint=hint) from None


def _flat(document: object, origin: str) -> Iterator[Object]:
    """The object itself, or the items of a List."""
    if not isinstance(document, dict) or not {"apiVersion", "kind"} <= document.keys():
        message = f"{origin}: contains something that is not a Kubernetes object (it has no apiVersion and kind)"
        raise PreflightError(message, hint=_WANTED)
    if document["kind"] == "List":
        items = document.get("items") or []
        for item in items if isinstance(items, list) else [items]:
            yield from _flat(item, origin)
    elif not isinstance(document.get("metadata"), dict) or not document["metadata"].get("name"):
        raise PreflightError(f"{origin}: has a {document['kind']} without a name", hint="Every object needs one.")
    else:
        yield document
