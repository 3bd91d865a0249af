"""The entries of one cluster in a kubeconfig that may have others: finds, compares and replaces them.

A cluster is identified by its whole CA. An entry of the same name that belongs to another cluster is never replaced.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import yaml

from provisioner.core.untrusted import shown
from provisioner.kubeconfig import access, plain_yaml
from provisioner.kubeconfig.access import Access
from provisioner.world.derived import ca_fingerprint, same_ca

Config = dict[str, Any]

# For each kind of entry: the list that it is in, and the key of its content.
_KINDS = {"clusters": "cluster", "contexts": "context", "users": "user"}
_MOST_BYTES = 4 * 2**20
# kubeadm's client certificates are valid for a year, and are renewed by an upgrade or by hand.
_RENEWED_BEFORE = timedelta(days=30)


def parse(text: str) -> Config:
    """A kubeconfig as it is; ValueError when the text is not one. An empty one is fine."""
    config = plain_yaml.read(text, _MOST_BYTES)
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise ValueError("it is not a mapping")
    for kind, key in _KINDS.items():
        entries = config.get(kind) or []
        if not isinstance(entries, list) or not all(_is_entry(entry, key) for entry in entries):
            raise ValueError(f"`{kind}` is not a list of entries with `name` and `{key}`")
        if twice := [name for name, times in Counter(entry["name"] for entry in entries).items() if times > 1]:
            raise ValueError(f"`{kind}` has two entries with the name {shown(twice[0])}")
    return config


def entries(given: Access, name: str) -> Config:
    """A complete kubeconfig with this access only, with cluster and context named after the cluster."""
    cluster = {"certificate-authority-data": _base64(given.ca), "server": given.server}
    user = {"client-certificate-data": _base64(given.certificate), "client-key-data": _base64(given.key.reveal())}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "contexts": [{"name": name, "context": _pair(name)}],
        "users": [{"name": _user(name), "user": user}],
        "current-context": name,
    }


def strangers(config: Config, name: str) -> list[str]:
    """The names of all clusters, contexts and users that are not this cluster's."""
    own = (name, _user(name))
    every = (entry["name"] for kind in _KINDS for entry in config.get(kind) or [])
    return [other for other in dict.fromkeys(every) if other not in own]


def conflicts(config: Config, given: Access, name: str) -> Iterator[str]:
    """Entries with our names that belong to something else: the existing and the new one, in a line each."""
    theirs = _found(config, "clusters", name)
    if theirs is not None and not same_ca(given.ca, _text(theirs, "certificate-authority-data")):
        ours = f"{given.server}, CA {ca_fingerprint(given.ca)}"
        yield f"cluster {name} exists: {shown(_text(theirs, 'server'))}, CA {_fingerprint(theirs)}"
        yield f"cluster {name} to be written: {ours}"
        return
    context = _found(config, "contexts", name)
    if context is not None and not _uses(context, name):
        used = " and ".join(f"{key} {shown(_text(context, key))}" for key in _pair(name))
        yield f"context {name} exists: {used}"
        yield f"context {name} to be written: cluster {name} and user {_user(name)}"
    if _found(config, "users", _user(name)) is not None:
        using = [one["context"] for one in config.get("contexts") or [] if _is_of(one, _user(name))]
        others = [cluster for one in using if (cluster := _text(one, "cluster")) != name]
        if others or theirs is None:
            yield f"user {_user(name)} exists: for {', '.join(map(shown, others)) or 'no cluster in this file'}"
            yield f"user {_user(name)} to be written: for cluster {name}"


def merged(config: Config, given: Access, name: str) -> Config:
    """The same kubeconfig with this access, which replaces its own older entries; all else is unchanged."""
    added = entries(given, name)
    own = _found(config, "contexts", name)
    if own:
        # Such as a namespace that the user has chosen.
        added["contexts"] = [{"name": name, "context": {**own, **_pair(name)}}]
    lists = {kind: _with(config.get(kind) or [], added[kind][0]) for kind in _KINDS}
    return {**config, **added, **lists}


def dump(config: Config) -> str:
    """The kubeconfig as text; ValueError when YAML cannot express it."""
    try:
        return yaml.safe_dump(config, sort_keys=False)
    except yaml.YAMLError:
        raise ValueError("it has a tag (`!...`) that plain YAML does not know") from None


def is_current(text: str, name: str, server: str, ca: str, now: datetime) -> bool:
    """Whether the text is a kubeconfig that gives access to this server with this CA, for another month."""
    try:
        config = parse(text)
        kept = access.of(_own(config, name), server, ca)
    except ValueError:
        return False
    return kept.ends > now + _RENEWED_BEFORE


def _own(config: Config, name: str) -> Config:
    """The entries that have our names, as a separate kubeconfig."""
    names = {"clusters": name, "contexts": name, "users": _user(name)}
    lists = {kind: [one for one in config.get(kind) or [] if one["name"] == names[kind]] for kind in _KINDS}
    pairs = [{**one, "context": {key: one["context"].get(key) for key in _pair(name)}} for one in lists["contexts"]]
    return {"apiVersion": "v1", "kind": "Config", **lists, "contexts": pairs, "current-context": name}


def _with(entries: list[Config], added: Config) -> list[Config]:
    """The list with an entry that replaces the one of its name, or is added at the end."""
    names = [entry["name"] for entry in entries]
    place = names.index(added["name"]) if added["name"] in names else len(names)
    return [*entries[:place], added, *entries[place + 1 :]]


def _is_entry(entry: object, key: str) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("name"), str) and isinstance(entry.get(key), dict)


def _found(config: Config, kind: str, name: str) -> Config | None:
    """The content of the entry of that name."""
    return next((entry[_KINDS[kind]] for entry in config.get(kind) or [] if entry["name"] == name), None)


def _uses(context: Config, name: str) -> bool:
    return all(context.get(key) == value for key, value in _pair(name).items())


def _is_of(entry: Config, user: str) -> bool:
    return bool(entry["context"].get("user") == user)


def _pair(name: str) -> dict[str, str]:
    return {"cluster": name, "user": _user(name)}


def _user(name: str) -> str:
    return f"{name}-admin"


def _text(entry: Config, key: str) -> str:
    value = entry.get(key, "")
    return value if isinstance(value, str) else ""


def _fingerprint(cluster: Config) -> str:
    try:
        return (
            ca_fingerprint(base64.b64decode(_text(cluster, "certificate-authority-data")).decode()) or "not in the file"
        )
    except ValueError:
        return "damaged"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
