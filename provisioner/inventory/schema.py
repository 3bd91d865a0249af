"""The inventory file as JSON Schema, for editors: completion, descriptions and error marks while you type.

For an editor with yaml-language-server run `provisioner inventory schema > inventory.schema.json`, and give
the inventory the first line `# yaml-language-server: $schema=inventory.schema.json`.
"""

from __future__ import annotations

from typing import Any

from provisioner.inventory.model import ClusterSettings, HostVariables
from provisioner.inventory.roles import ROLES
from provisioner.inventory.variables import NAMES, NOT_READ, ONLY, PASSWORDS

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> Schema:
    """JSON Schema 2020-12 of a whole inventory: groups in groups, variables, and the cluster's settings.

    Variables of the user's own are allowed, as in Ansible; variables that `inventory validate` refuses are refused.
    """
    settings = _closed(ClusterSettings.model_json_schema())
    definitions = settings.pop("$defs") | HostVariables.model_json_schema()["$defs"]
    return {
        "$schema": _DIALECT,
        "title": "Inventory",
        "description": "Ansible's YAML inventory with the settings of one Kubernetes cluster.",
        "type": "object",
        "properties": {"all": _root()},
        "required": ["all"],
        "additionalProperties": _ref("group"),
        "$defs": {
            **definitions,
            "cluster": settings,
            "variables": _variables(),
            "host": {"anyOf": [_ref("variables"), {"type": "null"}], "properties": {"cluster": False}},
            "hosts": _or_name({"type": "object", "additionalProperties": _ref("host")}),
            "group": _group(_ref("host")),
            "groups": _or_name(_groups()),
        },
    }


def _closed(schema: Any) -> Any:
    """Refuse keys outside the pattern, as pydantic does when it validates; its own schema allows them."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "patternProperties" in schema else {}
    return {key: _closed(part) for key, part in schema.items()} | closed


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _or_name(mapping: Schema) -> Schema:
    """Ansible accepts a single name instead of a mapping with one empty entry, and an empty value."""
    return {"anyOf": [mapping, {"type": ["string", "null"]}]}


def _root() -> Schema:
    cluster = {"properties": {"cluster": _ref("cluster")}, "required": ["cluster"]}
    return {**_group({"allOf": [_ref("variables")], **cluster}), "type": "object", "required": ["vars"]}


def _group(variables: Schema) -> Schema:
    return {
        "type": ["object", "null"],
        "properties": {
            "vars": {"description": "Variables of all hosts in this group.", **variables},
            "hosts": {"description": "Hosts by name; ranges such as worker[1:3].", **_ref("hosts")},
            "children": {"description": "Groups in this group.", **_ref("groups")},
        },
        "additionalProperties": False,
    }


def _groups() -> Schema:
    roles = {name: {"description": f"Hosts of the role {role}.", **_ref("group")} for name, role in ROLES.items()}
    return {"type": "object", "properties": roles, "additionalProperties": _ref("group")}


def _variables() -> Schema:
    schema = _closed(HostVariables.model_json_schema())  # its $defs are with those of the cluster
    fields = schema["properties"]
    aliases = {name: fields[field] for field, names in NAMES.items() for name in names}
    only = {name: {"enum": list(values)} for name, values in ONLY.items()}
    notes = {name: {"description": f"Not read here: {hint}.", "deprecated": True} for name, hint in NOT_READ.items()}
    refused = dict.fromkeys((*PASSWORDS, *(ClusterSettings.model_fields)), False)
    return {
        "type": "object",
        "properties": {**fields, **aliases, **only, **notes, **dict(sorted(refused.items()))},
    }
