"""The administrator's access to a cluster, read from a kubeconfig that is not trusted.

A kubeconfig can name programs that kubectl runs, files that it reads and servers that it connects to. So none is
copied: what is allowed is read into an `Access`, and a new kubeconfig is made from that; other fields are refused and
named.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from asn1crypto import pem
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from provisioner.core.untrusted import shown, visible
from provisioner.inventory.findings import dotted
from provisioner.inventory.values import Secret
from provisioner.kubeconfig import plain_yaml
from provisioner.world.derived import ca_fingerprint, certificates, same_ca

# kubeadm's has 6 KiB; keys of 16384 bits would make it 40.
MOST_BYTES = 64 * 1024
_FIELDS_SHOWN = 5
_NAME_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Access:
    """Where the API server is (`https://host:port`), its CA, and a client's certificate and key.

    All three are PEM. `ends` is when the client's certificate expires.
    """

    server: str
    ca: str
    certificate: str
    key: Secret
    ends: datetime


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


class _Server(_Shape):
    server: str
    ca: str = Field(alias="certificate-authority-data")


class _Cluster(_Shape):
    name: str
    cluster: _Server


class _Client(_Shape):
    certificate: str = Field(alias="client-certificate-data")
    key: str = Field(alias="client-key-data")


class _User(_Shape):
    name: str
    user: _Client


class _Pair(_Shape):
    cluster: str
    user: str


class _Context(_Shape):
    name: str
    context: _Pair


class _Kubeconfig(_Shape):
    """All that kubeadm writes, and all that is allowed."""

    version: Literal["v1"] = Field(alias="apiVersion")
    kind: Literal["Config"]
    preferences: dict[str, Any] = Field(default_factory=dict, max_length=0)
    clusters: list[_Cluster] = Field(min_length=1, max_length=1)
    contexts: list[_Context] = Field(min_length=1, max_length=1)
    users: list[_User] = Field(min_length=1, max_length=1)
    current: str = Field(alias="current-context")


def read(text: str, server: str, ca: str) -> Access:
    """The access that a kubeconfig gives to this server with this CA (PEM); ValueError names what is not allowed."""
    return of(plain_yaml.read(text, MOST_BYTES), server, ca)


def of(value: object, server: str, ca: str) -> Access:
    """The same for a kubeconfig that is already parsed."""
    try:
        config = _Kubeconfig.model_validate(value)
    except ValidationError as error:
        raise ValueError(_named(error)) from None
    cluster, client = config.clusters[0].cluster, config.users[0].user
    pair = _Pair(cluster=config.clusters[0].name, user=config.users[0].name)
    if config.contexts[0].context != pair or config.contexts[0].name != config.current:
        raise ValueError("contexts[0] does not connect the one cluster with the one user, or is not the current one")
    if cluster.server != server:
        raise ValueError(f"clusters[0].cluster.server is {shown(cluster.server)}, and {server} is expected")
    if not same_ca(ca, cluster.ca):
        raise ValueError(
            "clusters[0].cluster.certificate-authority-data is not the cluster's CA "
            f"(/etc/kubernetes/pki/ca.crt there: {ca_fingerprint(ca) or 'none'})"
        )
    return _access(server, ca, client)


def _access(server: str, ca: str, client: _Client) -> Access:
    """Certificate and key are written again from their parsed form, so that nothing else is copied."""
    certificate = _parsed("client-certificate-data", client.certificate, x509.load_pem_x509_certificate)
    key: Any = _parsed("client-key-data", client.key, lambda text: load_pem_private_key(text, None))
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(*form) != key.public_key().public_bytes(*form):
        raise ValueError("users[0].user.client-key-data is not the key of client-certificate-data")
    return Access(
        server=server,
        ca="".join(pem.armor("CERTIFICATE", der).decode() for der in sorted(certificates(ca))),
        certificate=certificate.public_bytes(Encoding.PEM).decode(),
        key=Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), "key"),
        ends=certificate.not_valid_after_utc,
    )


def _parsed(field: str, data: str, load: Any) -> Any:
    try:
        return load(base64.b64decode("".join(data.split()), validate=True))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        kind = "a certificate" if "certificate" in field else "a private key without a password"
        raise ValueError(f"users[0].user.{field} is not {kind}, as base64 of PEM") from None


def _named(error: ValidationError) -> str:
    """The names of the wrong fields, never their values: they may be secrets."""
    found = error.errors(include_url=False, include_input=False)
    words = [_in_words(dotted(one["loc"]), one["type"], one["msg"]) for one in found[:_FIELDS_SHOWN]]
    more = f"; and {len(found) - _FIELDS_SHOWN} more" if len(found) > _FIELDS_SHOWN else ""
    return "; ".join(words) + more


def _in_words(field: str, kind: str, message: str) -> str:
    name = visible(field[:_NAME_SHOWN]) or "the file"
    match kind:
        case "extra_forbidden":
            return f"{name} is not allowed"
        case "missing":
            return f"{name} is missing"
        case "too_long":
            return f"{name} has more entries than allowed"
        case _:
            return f"{name}: {message}"
