"""The objects of the probes, as kubectl expects them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from provisioner.inventory.model import ClusterSettings
from provisioner.verification.objects import Pod

IMAGE = "provisioner/probe:1"
LABEL = "app.kubernetes.io/managed-by=provisioner-verify"
PORT = 8080
# The port that a NetworkPolicy closes, where the plug-in promises to honour it.
CLOSED_PORT = 8081
# The Service `by-node` leads to the first node's pod on this port, to the second's on the next.
FIRST_PORT = 9000
BY_NODE = "by-node"

Objects = dict[str, Any]


def desired_image(settings: ClusterSettings) -> str:
    """The image of the probes: the inventory's, or the bundle's, or one from the registry of Kubernetes' own images."""
    if settings.probe_image:
        return settings.probe_image
    if settings.images_in_bundle or not settings.image_repository:
        return IMAGE
    return f"{settings.image_repository}/{IMAGE.rpartition('/')[2]}"


def where_from(image: str, settings: ClusterSettings) -> str:
    """What to do about an image that a node does not have."""
    if image == IMAGE and settings.images_in_bundle:
        return "its image comes from the bundle: `provisioner apply` loads it"
    return "set `probe_image` under `cluster:`, or --probe-image, to an image with busybox that the nodes can pull"


def _list(*items: Objects) -> Objects:
    return {"apiVersion": "v1", "kind": "List", "items": list(items)}


def _labels() -> dict[str, str]:
    return dict([LABEL.split("=")])


def _metadata(namespace: str, name: str) -> Objects:
    return {"namespace": namespace, "name": name, "labels": _labels()}


def manifest(namespace: str, nodes: Sequence[str], image: str = IMAGE) -> Objects:
    """Namespace, DaemonSet on these nodes (whatever their taints) and Service, as one List."""
    service = {"selector": _labels(), "ports": [{"port": PORT, "targetPort": PORT}]}
    template = {"metadata": {"labels": _labels()}, "spec": _pod_spec(nodes, image)}
    metadata = _metadata(namespace, "probe")
    return _list(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": _labels()}},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": metadata,
            "spec": {"selector": {"matchLabels": _labels()}, "template": template},
        },
    )


def _pod_spec(nodes: Sequence[str], image: str) -> Objects:
    on_nodes = {"key": "metadata.name", "operator": "In"}
    terms = [{"matchFields": [{**on_nodes, "values": [node]}]} for node in nodes]
    return {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}},
        "tolerations": [{"operator": "Exists"}],
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "containers": [_container(image)],
        "volumes": [{"name": "www", "emptyDir": {}}],
    }


def _container(image: str) -> Objects:
    write = 'echo "$POD_NAME" > /www/index.html'
    serve = f"{write}; httpd -p {CLOSED_PORT} -h /www; exec httpd -f -p {PORT} -h /www"
    return {
        "name": "probe",
        "image": image,
        # Our image is loaded and never pulled: a public registry may have another image under that name.
        "imagePullPolicy": "Never" if image == IMAGE else "IfNotPresent",
        "command": ["sh", "-c", serve],
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "volumeMounts": [{"name": "www", "mountPath": "/www"}],
        "resources": {"requests": {"cpu": "5m", "memory": "8Mi"}, "limits": {"memory": "128Mi"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def by_node(namespace: str, pods: Sequence[Pod]) -> Objects:
    """A Service with a port, and a NodePort, for each pod: each can be reached through a Service and by its own node.

    Its Endpoints are given: a selector would lead to any pod. Every release mirrors them for kube-proxy.
    """
    ports = [
        {"name": f"n{place}", "port": FIRST_PORT + place, "targetPort": PORT, "protocol": "TCP"}
        for place, _ in enumerate(pods)
    ]
    subsets = [
        {"addresses": [{"ip": pod.ip}], "ports": [{"name": f"n{place}", "port": PORT, "protocol": "TCP"}]}
        for place, pod in enumerate(pods)
    ]
    metadata = _metadata(namespace, BY_NODE)
    return _list(
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"type": "NodePort", "ports": ports}},
        {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": subsets},
    )


def policy(namespace: str) -> Objects:
    """Only `PORT` of the probes may be reached: this tests both allowed and denied, and blocks nothing else."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(namespace, "probe"),
        "spec": {
            "podSelector": {},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": PORT, "protocol": "TCP"}]}],
        },
    }


def applied(made: Objects, kind: str) -> Objects:
    """The object of that kind in what `kubectl apply -o json` printed."""
    found: Objects = next(item for item in made["items"] if item["kind"] == kind)
    return found
