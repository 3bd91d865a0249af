"""Files: they exist, only root can read the secret ones, and only root can change them."""

from __future__ import annotations

from datetime import UTC, datetime

from provisioner.verification import findings
from provisioner.verification.expect import expect_none
from provisioner.verification.seen import Seen

_NODE_FILES = ("/etc/kubernetes/kubelet.conf", "/etc/kubernetes/pki/ca.crt", "/var/lib/kubelet/config.yaml")


def test_node_files(seen: Seen) -> None:
    """The files that make a host a node exist"""
    hint = (
        "do not repair a node file by file: drain it, run `kubeadm reset` there, and `provisioner apply` joins it again"
    )
    expect_none(findings.absent(seen.files, _NODE_FILES), hint)


def test_secrets_are_closed(seen: Seen) -> None:
    """Only root can read private keys and kubeconfigs"""
    expect_none(
        findings.readable_secrets(seen.files), "`provisioner apply` restricts them to root: find out who has read them"
    )


def test_nobody_else_may_write(seen: Seen) -> None:
    """Only root can change the files of Kubernetes"""
    expect_none(
        findings.writable_by_others(seen.files), "`provisioner apply` removes this permission: find out who has used it"
    )


def test_certificates(seen: Seen) -> None:
    """Certificates are valid for at least 30 days"""
    expect_none(
        findings.certificate_problems(seen.certificates, datetime.now(UTC)),
        "`kubeadm certs renew all` on control planes; kubelets renew their own",
    )
