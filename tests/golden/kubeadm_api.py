"""The fields that kubeadm's configuration has, version by version, as far as we write any part of them.

From https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta3/ and .v1beta4/, and for v1beta2
https://pkg.go.dev/k8s.io/kubernetes@v1.20.0/cmd/kubeadm/app/apis/kubeadm/v1beta2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# A shape is a mapping of fields to shapes, a list of one shape, or the name of a kind of value in `_VALUES`.
Shape = Any

_VALUES: Mapping[str, type | tuple[type, ...]] = {"text": str, "number": int, "flag": bool, "any": object}

_TAINTS = [{"key": "text", "value": "text", "effect": "text"}]
_ENDPOINT = {"advertiseAddress": "text", "bindPort": "number"}
_TOKEN = {
    "token": "text",
    "description": "text",
    "expires": "text",
    "ttl": "text",
    "usages": ["text"],
    "groups": ["text"],
}
_VOLUME = {"name": "text", "hostPath": "text", "mountPath": "text", "readOnly": "flag", "pathType": "text"}
_LISTED = [{"name": "text", "value": "text"}]


def _kinds(arguments: Shape, registration: Shape, phases: Shape, component: Shape, cluster: Shape) -> dict[str, Shape]:
    """All kinds of one version, from what differs between them."""
    part = {"extraArgs": arguments, "extraVolumes": [_VOLUME], **component}
    node = {
        "name": "text",
        "criSocket": "text",
        "taints": _TAINTS,
        "kubeletExtraArgs": arguments,
        "ignorePreflightErrors": ["text"],
        **registration,
    }
    discovery = {
        "apiServerEndpoint": "text",
        "token": "text",
        "caCertHashes": ["text"],
        "unsafeSkipCAVerification": "flag",
    }
    head = {"apiVersion": "text", "kind": "text"}
    return {
        "InitConfiguration": {
            **head,
            "bootstrapTokens": [_TOKEN],
            "nodeRegistration": node,
            "localAPIEndpoint": _ENDPOINT,
            "certificateKey": "text",
            **phases,
        },
        "ClusterConfiguration": {
            **head,
            "etcd": "any",
            "networking": {"serviceSubnet": "text", "podSubnet": "text", "dnsDomain": "text"},
            "kubernetesVersion": "text",
            "controlPlaneEndpoint": "text",
            "apiServer": {**part, "certSANs": ["text"]},
            "controllerManager": part,
            "scheduler": part,
            "dns": "any",
            "certificatesDir": "text",
            "imageRepository": "text",
            "featureGates": "any",
            "clusterName": "text",
            **cluster,
        },
        "JoinConfiguration": {
            **head,
            "nodeRegistration": node,
            "caCertPath": "text",
            "discovery": {"bootstrapToken": discovery, "file": "any", "tlsBootstrapToken": "text"},
            "controlPlane": {"localAPIEndpoint": _ENDPOINT, "certificateKey": "text"},
            **phases,
        },
    }


_PHASES = {"skipPhases": ["text"], "patches": {"directory": "text"}}
KINDS: Mapping[str, Mapping[str, Shape]] = {
    "kubeadm.k8s.io/v1beta2": _kinds({"*": "text"}, {}, {}, {}, {"useHyperKubeImage": "flag"}),
    "kubeadm.k8s.io/v1beta3": _kinds({"*": "text"}, {"imagePullPolicy": "text"}, _PHASES, {}, {}),
    "kubeadm.k8s.io/v1beta4": _kinds(
        _LISTED,
        {"imagePullPolicy": "text", "imagePullSerial": "flag"},
        {**_PHASES, "timeouts": "any", "dryRun": "flag"},
        {"extraEnvs": _LISTED},
        {"proxy": "any", "encryptionAlgorithm": "text", "certificateValidityPeriod": "text"},
    ),
    "kubelet.config.k8s.io/v1beta1": {
        "KubeletConfiguration": {"apiVersion": "text", "kind": "text", "cgroupDriver": "text", "failSwapOn": "flag"}
    },
    "kubeproxy.config.k8s.io/v1alpha1": {
        "KubeProxyConfiguration": {"apiVersion": "text", "kind": "text", "conntrack": {"maxPerCore": "number"}}
    },
}


def wrong(document: Mapping[str, Any]) -> list[str]:
    """Everything in a document that its version's kubeadm does not know, or knows otherwise; empty when all is well."""
    shape = KINDS.get(str(document.get("apiVersion")), {}).get(str(document.get("kind")))
    return list(_against(document, shape, "")) if shape else [f"no such kind: {document.get('kind')}"]


def _against(value: Any, shape: Shape, place: str) -> Iterator[str]:
    if isinstance(shape, str):
        kind = _VALUES[shape]
        if not isinstance(value, kind) or (shape == "number" and isinstance(value, bool)):
            yield f"{place}: {value!r} is not {shape}"
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{place}: {value!r} is not a list"
        for number, entry in enumerate(value if isinstance(value, list) else ()):
            yield from _against(entry, shape[0], f"{place}[{number}]")
    elif not isinstance(value, dict):
        yield f"{place}: {value!r} is not a mapping"
    else:
        for key, below in value.items():
            known = shape.get(key, shape.get("*"))
            yield from _against(below, known, f"{place}.{key}") if known else (f"{place}.{key}: no such field",)
