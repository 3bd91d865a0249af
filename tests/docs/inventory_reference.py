"""docs/reference/inventory.md from the pydantic models, by way of their JSON Schema. Pure."""

from __future__ import annotations

import json
from typing import Any

from provisioner import bounded_yaml
from provisioner.catalog import kubernetes
from provisioner.inventory import places
from provisioner.inventory.from_ini import LONGEST_LINE
from provisioner.inventory.model import ClusterSettings, HostVariables
from provisioner.inventory.ranges import MOST_HOSTS
from provisioner.inventory.roles import ROLES
from provisioner.inventory.variables import NAMES

Schema = dict[str, Any]

_INTRODUCTION = """\
# Inventory

An inventory is an Ansible inventory, and Ansible reads it too. Two things are special here: the names of the groups
that say what a host is for, and the one variable `cluster` of the group `all`.

`-i` names one of these:

* a **YAML** (or JSON) file, ending `.yaml`, `.yml`, `.json` or none: groups with `children`, `hosts` and `vars`;
* an **INI** file, any other ending or none: `[group]`, `[group:children]`, `[group:vars]`, and hosts, each followed
  by `name=value` pairs;
* a **program**, an executable file that begins with `#!`: called with `--list` it prints JSON in the format of
  Ansible's dynamic inventories; it must finish within a minute;
* a **directory**: all such files in it, in the order of their names, except hidden ones, backups, `.cfg`, `.md`,
  `.txt` and the others that Ansible ignores.

**`group_vars/`** and **`host_vars/`** beside the file, or in the directory, have more variables in YAML:
`group_vars/all.yml`, `host_vars/w1.yml`, or a directory of files such as `group_vars/workers/`. Put `cluster`
there when the hosts are listed in INI or by a program.

* **Groups**: {groups}. A host in groups of both
  kinds is a control plane that runs workloads too. All other groups only carry variables.
* **Merging** is Ansible's: `all` < parent group < child group < `group_vars/all` < `group_vars/` of parent, of child
  < host < `host_vars/`; a mapping replaces the whole mapping.
* **Ranges**: `worker[1:3]` is three hosts, `worker-[01:10]` ten; both ends belong to it.
* **File names** are relative to the inventory's directory; `~` is your home.
* **Strict**: an unknown setting, a wrong type, an overlapping network: all errors are reported at once, each with
  file and line (`provisioner inventory validate`). Variables of your own are ignored, with a warning. A key that is
  given twice is refused, where Ansible would use the last one.
* **Not read**: passwords and vault (nothing secret belongs here), Jinja templates, the configuration of inventory
  plug-ins (`plugin: ...`) and TOML. Each is refused, and the message says what to do instead.
* **Limits**: {bytes_mib} MiB a file; {values:,} values in one of YAML or JSON, an alias (`*name`) counted as often as
  it is used, {depth} levels deep; {line:,} characters in a line of INI, {number} in a number; {hosts:,} hosts in a
  range. Tags that create objects are refused. `-i` may name a pipe, which must be closed within a minute; a device, or
  a file without permission, is an error.

Tests compare groups, members and variables with the output of `ansible-inventory`.

`provisioner inventory schema` prints the JSON Schema of a YAML inventory, for completion and checking in editors;
`provisioner inventory show` prints the inventory as it was understood. Commented examples for several situations are in
[inventories/](../../inventories). The smallest inventory:

```yaml
all:
  vars:
    ansible_user: root
    cluster:
      kubernetes_version: "1.20.2"
  children:
    control_plane:
      hosts:
        cp1: {{ ansible_host: 192.0.2.11 }}
    workers:
      hosts:
        w[1:2]:
```

Kubernetes versions that the inventory accepts: {versions}. What can be installed
is decided by the package source: a bundle made from Debian's sources has 1.20.2.
"""
_LIMITS = {
    "bytes_mib": places.MOST_BYTES // 2**20,
    "values": bounded_yaml.MOST_VALUES,
    "depth": bounded_yaml.MOST_DEPTH,
    "line": LONGEST_LINE,
    "number": bounded_yaml.LONGEST_NUMBER,
    "hosts": MOST_HOSTS,
}
_CLUSTER = "The cluster: `all.vars.cluster`"
_FORMATS = {"path": "file name", "ipv4network": "network", "ipv4": "IPv4 address"}


def text() -> str:
    """The whole document."""
    cluster, host = ClusterSettings.model_json_schema(), HostVariables.model_json_schema()
    definitions = cluster["$defs"]
    nested = [
        part for name, field in cluster["properties"].items() for part in _below(f"cluster.{name}", field, definitions)
    ]
    parts = [_section(_CLUSTER, cluster, definitions), *nested]
    below = [part for name, field in host["properties"].items() for part in _below(name, field, host["$defs"])]
    parts += [_section("Variables of groups and hosts", host, host["$defs"]), *below]
    return "\n".join([_introduction(), *parts])


def _below(name: str, field: Schema, definitions: Schema) -> list[str]:
    """A section for a setting that has settings of its own: one for each kind where there are several."""
    kinds = _kinds(field)
    found = [_definition(kind, definitions) for kind in kinds]
    titles = [f", type `{schema['properties']['type']['const']}`" if len(kinds) > 1 else "" for schema in found]
    parts = [_section(f"`{name}`{title}", schema, definitions) for title, schema in zip(titles, found, strict=True)]
    inner = [(f"{name}.{key}", below) for schema in found for key, below in schema["properties"].items()]
    return parts + [part for key, below in inner for part in _below(key, below, definitions)]


def _kinds(field: Schema) -> list[Schema]:
    """The models that a setting may be."""
    if "$ref" in field:
        return [field]
    return [kind for part in (*field.get("oneOf", ()), *field.get("anyOf", ())) for kind in _kinds(part)]


def _definition(field: Schema, definitions: Schema) -> Schema:
    found: Schema = definitions[field["$ref"].rpartition("/")[2]]
    return found


def _described(field: Schema, definitions: Schema) -> Schema:
    """Pydantic leaves out a description that the model below has already."""
    return {**_definition(field, definitions), **field} if "$ref" in field else field


def _introduction() -> str:
    by_role: dict[str, list[str]] = {}
    for group, role in ROLES.items():
        by_role.setdefault(role.value.replace("_", " "), []).append(f"`{group}`")
    groups = "; ".join(f"{' or '.join(names)} for a {role}" for role, names in by_role.items())
    first, *_, last = kubernetes.releases()
    versions = f"{first.series}.0 to {last.series}.{last.last_patch} (`provisioner versions` lists them)"
    return _INTRODUCTION.format(**_LIMITS, groups=groups, versions=versions)


def _section(title: str, schema: Schema, definitions: Schema | None = None) -> str:
    required = schema.get("required", [])
    rows = [
        _row(name, _described(field, definitions or {}), name in required)
        for name, field in schema["properties"].items()
    ]
    table = "\n".join(["| key | value | default | what it is |", "|---|---|---|---|", *rows])
    return f"## {title}\n\n{schema['description']}\n\n{table}\n"


def _row(name: str, field: Schema, required: bool) -> str:
    others = [f"`{other}`" for other in NAMES.get(name, ()) if other != name]
    also = f" Also understood: {', '.join(others)}." if others else ""
    return f"| `{name}` | {_value(field)} | {_default(field, required)} | {field.get('description', '')}{also} |"


def _default(field: Schema, required: bool) -> str:
    if required:
        return "required"
    if _kinds(field) or field.get("default") in (None, [], {}):
        return ""
    default = field["default"]
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _value(field: Schema) -> str:
    if _kinds(field):
        return "see below"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field:
        return _value(next(one for one in field["anyOf"] if one.get("type") != "null"))
    match field.get("type"):
        case "integer":
            return f"{field['minimum']} to {field['maximum']}" if "minimum" in field else "number"
        case "boolean":
            return "`true` or `false`"
        case "array":
            return f"list of {_value(field['items'])}"
        case "object":
            return "mapping of texts"
    if "const" in field:
        return f"`{field['const']}`"
    return _FORMATS.get(field.get("format", ""), "text")
