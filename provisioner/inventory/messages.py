"""Pydantic's findings as sentences: what is expected, what was found, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from provisioner.inventory import model as names
from provisioner.inventory import networks, package_sources, runtimes, ssh, vagrant, values
from provisioner.inventory.findings import Finding, KeyPath, did_you_mean, nearest
from provisioner.inventory.yaml_lines import Tagged

_PATTERNS = {
    names.DNS_NAME: "a DNS name (lower-case letters, digits, `-` and `.`)",
    names.ADDRESS: "a host name or an IP address, without port or prefix length",
    names.SAN: "a host name or an IP address",
    names.USER: "a user name",
    ssh.JUMP_HOST: "a jump host, as [user@]host[:port] with a port from 1 to 65535",
    values.COUNT: "a number of nodes, or a percentage such as 10%",
    names.FLAG: "the name of a flag without its leading dashes, such as `max-pods`",
    vagrant.BOX: "the name of a box, such as bento/debian-12",
    vagrant.SETTING: "the name of a setting in lower-case letters, as in Vagrant's documentation",
    runtimes.VERSION: "a version such as 20.10.24",
    package_sources.URL: "a URL such as https://mirror.example/kubernetes, without user and password",
    package_sources.FILE_URL: "a URL such as https://dl.k8s.io, without user and password",
    package_sources.FULL_VERSION: "a full version such as 1.9.1",
    names.IMAGE_REFERENCE: "an image such as mirror.example/tools/busybox:1.36, its path in lower case",
    names.IMAGE_REPOSITORY: "a registry and a path in it, such as mirror.example/k8s, in lower case",
    package_sources.WEB_URL: "a URL such as http://proxy.example:3128, without user and password",
    package_sources.DIRECT: "a name, a domain such as .example.org, an address or a network",
    package_sources.FINGERPRINT: "a fingerprint of 40 hexadecimal digits",
    package_sources.KEY: "the URL or file name of a key, without blanks",
    networks.INTERFACE: "the name of a network interface such as eth1",
    networks.PLACE: "a URL or a file name, without blanks, user and password",
    networks.SHA256: "a SHA-256: 64 hexadecimal digits in lower case",
    networks.REGISTRY: "a registry such as mirror.example:5000, without `https://`",
    networks.CNI_FILE: "a file's name such as 10-net.conflist",
    runtimes.SIZE: "a size such as 100m",
    runtimes.MIRROR: "a URL such as https://mirror.example, without user and password",
    names.WORD: "one word, without blanks, quotes, `$` or a backslash",
    names.LABEL_KEY: "a label's key such as `disk` or `example.com/disk`",
    names.LABEL_VALUE: "a label's value: at most 63 letters, digits, `-`, `_` and `.`",
}

# By pydantic's type of error; https://docs.pydantic.dev/latest/errors/validation_errors/
_EXPECTED = {
    "string_type": "text",
    "path_type": "a file name",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list (lines of `- value`)",
    "ip_v4_network": "a network such as 10.244.0.0/16",
    "ip_v4_address": "an IPv4 address such as 192.168.56.11",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "string_too_short": "text that is not empty",
    "string_too_long": "at most {max_length} characters",
}

_WRONG_TYPE = frozenset(key for key in _EXPECTED if key.endswith(("_type", "_parsing", "_from_float")))


def findings(
    error: ValidationError, model: type[BaseModel], path: KeyPath, texts: Mapping[KeyPath, str], skip: int = 0
) -> Iterator[Finding]:
    """What pydantic found below `path`.

    `texts` are the scalars as written in the file; `skip` is how many keys of the model `path` has already.
    """
    every = error.errors(include_url=False)
    for details in every:
        details["loc"] = _untagged(details, model)
    unknown = {details["loc"] for details in every if details["type"] == "extra_forbidden"}
    for details in every:
        location = details["loc"]
        where = (*path, *_location(details)[skip:])
        if location in unknown:
            yield _unknown_key(where, fields_at(model, location[:-1]))
        elif details["type"] != "missing":
            yield _wrong_value(details, where, texts.get(where))
        elif not any(_misspelt(other, location) for other in unknown):
            yield Finding("missing-key", where, "this key is missing", _purpose(model, location))


def found(value: object, written: str | None = None) -> str:
    """A value of the file in words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"`{written or value}`, which is read as {str(value).lower()}"
        case int() | float():
            return f"the number {written or value}"
        case str():
            return f"the text `{value}`" if value else "empty text"
        case Tagged():
            return f"a value tagged {value.tag}"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return f"`{written or value}`, which is read as a {type(value).__name__}"


def fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> Mapping[str, object]:
    """The keys that are allowed at a place inside a model."""
    fields: Mapping[str, object] = model.model_fields
    for key in location:
        kinds = _models(getattr(fields[str(key)], "annotation", None))
        fields = {name: field for kind in kinds for name, field in kind.model_fields.items()}
    return fields


def _models(annotation: object) -> list[type[BaseModel]]:
    """The models that a value of this type can be: one kind, or several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _untagged(details: ErrorDetails, model: type[BaseModel]) -> tuple[int | str, ...]:
    """Where a model is one of several kinds, pydantic puts the kind into the location; files do not have it there."""
    way: list[int | str] = []
    fields: Mapping[str, object] = model.model_fields
    kinds: list[type[BaseModel]] = []
    for key in details["loc"]:
        if len(kinds) > 1 and key in [kind.model_fields["type"].default for kind in kinds]:
            kinds = [kind for kind in kinds if kind.model_fields["type"].default == key]
        else:
            way.append(key)
            kinds = _models(getattr(fields.get(str(key)), "annotation", None))
        fields = {name: field for kind in kinds for name, field in kind.model_fields.items()}
    return (*way, "type") if details["type"].startswith("union_tag") else tuple(way)


def _location(details: ErrorDetails) -> KeyPath:
    """Pydantic marks an invalid key of a mapping by an extra `[key]`; in a path, a number as key is text."""
    location = details["loc"]
    return (*location[:-2], str(location[-2])) if location and location[-1] == "[key]" else location


def _unknown_key(path: KeyPath, known: Mapping[str, object]) -> Finding:
    """Findings about the absence of the key that was probably meant are not shown (`needs`)."""
    word = str(path[-1])
    meant = nearest(word, known, 0.6)
    needs: tuple[KeyPath, ...] = ((*path[:-1], meant),) if meant else ()
    return Finding("unknown-key", path, "this key is not known", did_you_mean(word, known), needs=needs)


def _misspelt(unknown: tuple[int | str, ...], missing: tuple[int | str, ...]) -> bool:
    return unknown[:-1] == missing[:-1] and nearest(str(unknown[-1]), [str(missing[-1])], 0.6) != ""


def _purpose(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    field = fields_at(model, location[:-1])[str(location[-1])]
    description = str(getattr(field, "description", None) or "")
    return f"add it: {description[:1].lower()}{description[1:].rstrip('.')}"


def _wrong_value(details: ErrorDetails, path: KeyPath, written: str | None) -> Finding:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    rule = (
        "wrong-type" if kind in _WRONG_TYPE or (not isinstance(value, str) and kind == "value_error") else "bad-value"
    )
    if kind == "value_error":
        message = str(context["error"])
    elif kind == "union_tag_not_found":
        return Finding("missing-key", path, "this key is missing", "say which kind it is, before the other keys")
    elif kind == "union_tag_invalid":
        value, written = context["tag"], None
        message = f"`{value}` is not one of the choices"
    elif kind == "literal_error":
        message = f"`{written or value}` is not one of the choices"
    elif kind == "string_pattern_mismatch":
        message = f"expected {_PATTERNS.get(context['pattern'], context['pattern'])}"
    else:
        message = f"expected {_EXPECTED.get(kind, details['msg']).format_map(context)}"
    if message.startswith("expected"):
        message = f"{message}, found {found(value, written)}"
    return Finding(rule, path, message, _remedy(details, written))


def _remedy(details: ErrorDetails, written: str | None) -> str:
    kind, value = details["type"], details["input"]
    if kind == "string_type" and isinstance(value, bool | int | float):
        return f'put it in quotes: "{written or value}"'
    if kind == "int_type" and isinstance(value, str) and value.isdecimal():
        return f"write it without quotes: {value}"
    if kind == "bool_type":
        meant = str(value).lower() not in ("no", "off", "false", "0")
        return f"write {str(meant).lower()}, without quotes"
    if kind == "tuple_type" and isinstance(value, str):
        return f"write it as a list of one: [{value}]"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return "write lines of `key: value` below it"
    return _nearby(kind, value, details.get("ctx", {}))


def _nearby(kind: str, value: object, context: dict[str, Any]) -> str:
    if kind == "ip_v4_network" and isinstance(value, str):
        return _meant_network(value)
    if kind in ("literal_error", "union_tag_invalid"):
        told = context.get("expected") or context["expected_tags"]
        choices = [choice.strip("'") for choice in told.replace(" or ", ", ").split(", ")]
        match = nearest(str(context.get("tag", value)), choices, 0.6)
        return f"did you mean `{match}`?" if match else f"choose one of: {', '.join(choices)}"
    return ""


def _meant_network(text: str) -> str:
    """`10.244.1.0/16` has bits beyond its prefix: the network that was meant."""
    try:
        return f"did you mean `{IPv4Network(text, strict=False)}`?"
    except ValueError:
        return "write an IPv4 address, a slash, and a prefix length from 0 to 32"
