"""Kubeconfigs for the tests: what kubeadm writes on a control plane, with certificates that are made once."""

from __future__ import annotations

import base64
import copy
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from asn1crypto import pem
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.builders import CA, NOW_S

SERVER = "https://10.0.0.11:6443"
NOW = datetime.fromtimestamp(NOW_S, UTC)


@cache
def client(name: str = "kubernetes-admin", days: int = 365, *, by_rsa: bool = False) -> tuple[str, str]:
    """A certificate and its key, PEM, that end so many days after now; another name is another pair."""
    key = rsa.generate_private_key(65537, 2048) if by_rsa else ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 7, NOW - timedelta(days=1), NOW + timedelta(days))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    form = serialization.PrivateFormat.TraditionalOpenSSL
    text = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return certificate.decode(), text.decode()


@cache
def other_ca() -> str:
    """Another CA than `builders.CA`, which begins with the same characters: a bit of its key is another."""
    _, _, der = pem.unarmor(CA.encode())
    changed = bytes([*der[:-300], der[-300] ^ 1, *der[-299:]])
    return str(pem.armor("CERTIFICATE", changed).decode())


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def admin_conf(pair: tuple[str, str] | None = None, ca: str = CA, server: str = SERVER) -> dict[str, Any]:
    """What kubeadm writes to admin.conf."""
    certificate, key = pair or client()
    return copy.deepcopy({
        "apiVersion": "v1",
        "clusters": [
            {"cluster": {"certificate-authority-data": encoded(ca), "server": server}, "name": "kubernetes"}
        ],
        "contexts": [
            {"context": {"cluster": "kubernetes", "user": "kubernetes-admin"}, "name": "kubernetes-admin@kubernetes"}
        ],
        "current-context": "kubernetes-admin@kubernetes",
        "kind": "Config",
        "preferences": {},
        "users": [
            {
                "name": "kubernetes-admin",
                "user": {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)},
            }
        ],
    })  # fmt: skip
