"""YAML without its dangerous parts: no anchors and aliases (a few lines of them make gigabytes), no duplicate
keys, and a limited size and depth. JSON is YAML, too.
"""

from __future__ import annotations

import yaml

from provisioner.core.untrusted import visible
from provisioner.inventory.findings import dotted
from provisioner.inventory.yaml_lines import read as read_lines

# A kubeconfig nests 4 deep, and its extensions not much more.
_DEPTH = 32
_SHOWN = 120


def read(text: str, most_bytes: int) -> object:
    """The value of the only document; ValueError says why there is none."""
    if len(text.encode(errors="replace")) > most_bytes:
        raise ValueError(f"it is larger than {most_bytes} bytes")
    _require_plain(text)
    document = read_lines(text, "kubeconfig")
    for finding in document.findings:
        raise ValueError(visible(f"{dotted(finding.path)[:_SHOWN]}: {finding.message[:_SHOWN]}"))
    return document.value


def _require_plain(text: str) -> None:
    """Check event by event, before values are built from them."""
    depth = 0
    try:
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise ValueError("it uses anchors (& and *)")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEPTH:
                raise ValueError(f"it is nested deeper than {_DEPTH} levels")
    except yaml.YAMLError as error:
        raise ValueError(f"it is not valid YAML: {getattr(error, 'problem', None) or 'control characters'}") from None
