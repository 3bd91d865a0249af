"""Every template with values of the shape that it is really rendered with, and hostile ones for each place in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

# Stands in one place of a rendering, to see where that is; a word in every kind of file.
PLACE = "word-in-its-place"
HOSTILE = (
    "a\nb", "a\r\nb", "a\tb", "a\x00b", "\x1b[2Ja", "a\u202eb", "a\u2028b", "a\x85b", "a\x7fb", "\ud800",
    "$(touch hacked)", "`touch hacked`", "${IFS}", "$HOME", "a; touch hacked", "a&&touch hacked", "a|touch hacked",
    '"', "'", "\\", "\\\\", "\\n", '"; touch hacked; "', "'; touch hacked; '", '\\"', "END", "a\nEND\ntouch hacked\n",
    "{{ 7 * 7 }}", "{% raw %}", "{#", "%n", "%%", "%i", "a b", " a", "a ", "#", "a #b", "a: b", "- a", "&a", "*a",
    "!!python/object", "yes", "null", "~", "1e3", "0x10", "123", "[]", "{}", "|", ">", "?", "@", "%", "a,b", "a=b",
    "</td><script>alert(1)</script>", "&lt;", "<", "--option", "-n", "-", "Ä", "😀", "\U000e0041", "x" * 5000,
)  # fmt: skip

_SETTINGS = SimpleNamespace(
    name="a", kubernetes_version="b", image_repository="c", pod_cidr="d", service_cidr="e", dns_domain="f", nested=False
)
_NODE: Mapping[str, Any] = {
    "node": "a",
    "cri_socket": "b",
    "taints": [SimpleNamespace(key="c", value="d", effect="e")],
    "settings": _SETTINGS,
    "patches": "f",
}
_INIT: Mapping[str, Any] = {
    **_NODE,
    "token": "g",
    "token_description": "h",
    "address": "i",
    "endpoint": "j",
    "sans": ["k", "l"],
    "api_server_arguments": {"m": "n"},
    "controller_manager_arguments": [{"name": "o", "value": "p"}],
    "scheduler_arguments": {"q": "r"},
    "volumes": [{"name": "s", "hostPath": "t"}],
}
_JOIN: Mapping[str, Any] = {
    **_NODE,
    "endpoint": "g",
    "token": "h",
    "ca_pin": "i",
    "control_plane": SimpleNamespace(address="j", certificate_key="k"),
}
_PROBLEM = SimpleNamespace(where="a", rule="b", message="c", hint="d")
CONTEXTS: Mapping[str, Mapping[str, Any]] = {
    **{f"kubeadm/{api}/init.yaml.j2": _INIT for api in ("v1beta2", "v1beta3", "v1beta4")},
    **{f"kubeadm/{api}/join.yaml.j2": _JOIN for api in ("v1beta2", "v1beta3", "v1beta4")},
    "kubeadm/registration.yaml.j2": _NODE,
    "kubeadm/components.yaml.j2": {"settings": SimpleNamespace(nested=True)},
    "kubernetes/bootstrap-kubeconfig.yaml.j2": {"endpoint": "a", "ca": "b", "token": "c"},
    "kubernetes/bootstrap-token.yaml.j2": {"id": "a", "key": "b", "expires": "c", "description": "d"},
    "kubernetes/kubelet.default.j2": {"arguments": ["a", "b"]},
    "network/bridge/10-bridge.conflist.j2": {"mtu": "a", "pod_cidr": "b"},
    "network/bridge/pod-network.sh.j2": {"pod_cidr": "a", "service_cidr": "b", "routes": [("c", "d"), ("e", "f")]},
    "network/bridge/pod-network.service.j2": {"script": "a"},
    "network/10-provisioner-network.network.j2": {"devices": ["a", "b"]},
    "network/10-provisioner-network.link.j2": {"devices": ["a", "b"]},
    "network/20-provisioner-network.conf.j2": {},
    "network/provisioner-network.conf.j2": {"devices": ["a", "b"]},
    "machine/sysctl.conf.j2": {"settings": [("a", "b")]},
    "machine/modules.conf.j2": {"modules": ["a", "b"]},
    "runtime/cri-dockerd.conf.j2": {"plug_ins": "a", "networks": "b", "pause_image": "c"},
    "apt/signed.sources.j2": {"uri": "a", "suite": "b", "components": "c", "architecture": "d", "key_path": "e"},
    "apt/repository.sources.j2": {"uri": "a", "key_path": "b"},
    "proxy/apt.conf.j2": {"schemes": {"a": "b"}, "direct": ["c"]},
    "proxy/service.conf.j2": {"environment": "a"},
    "proxy/environment.j2": {"variables": {"A": "b", "C": "d"}},
    "verification/report.html.j2": {
        "cluster": "a",
        "went": "b",
        "moment": "c",
        "machines": "d",
        "duration": "e",
        "problems": [_PROBLEM],
        "counts": {"f": (1, 2)},
        "largest": "g",
        "columns": ["h"],
        "rows": [["i", "j"]],
        "reached": "k",
        "not_asked": "l",
        "skipped": ["m"],
    },
}


def placed(value: Any) -> Iterator[Any]:
    """The same value with PLACE instead of one of its texts, for each of them."""
    if isinstance(value, str):
        yield PLACE
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from ({**value, key: other} for other in placed(part))
    elif isinstance(value, SimpleNamespace):
        yield from (SimpleNamespace(**parts) for parts in placed(vars(value)))
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from ([*value[:number], other, *value[number + 1 :]] for other in placed(part))


def put(value: Any, text: str) -> Any:
    """The same value with a text in PLACE's stead, wherever it stands; in a parsed file as in what it was made from."""
    if isinstance(value, str):
        return value.replace(PLACE, text)
    if isinstance(value, Mapping):
        return {put(key, text): put(part, text) for key, part in value.items()}
    if isinstance(value, SimpleNamespace):
        return SimpleNamespace(**put(vars(value), text))
    if isinstance(value, list | tuple):
        return [put(part, text) for part in value]
    return value
