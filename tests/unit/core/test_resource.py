"""What a diff shows of files that somebody else has written: everything but their secrets."""

from __future__ import annotations

import pytest

from provisioner.core.resource import masked, text_diff
from provisioner.resources.files import File
from tests.builders import ok

SECRET = "hunter2"
LINES = [
    f'  "http-proxy": "http://anna:{SECRET}@proxy.example:3128",',
    f"Environment=HTTPS_PROXY=http://{SECRET}@proxy.example",
    f'          password = "{SECRET}"',
    f'      "auth": "{SECRET}",',
    f'{{"auths": {{"registry.example": {{"auth": "{SECRET}", "email": "a@b"}}}}}}',
    f'  identitytoken = "with \\" {SECRET}"',
    f'    Authorization = ["Basic {SECRET}"]',
    f"    authorization: Bearer {SECRET}",
    f"registry-password: {SECRET} and more {SECRET}",
    f"REGISTRY_TOKEN='{SECRET}'",
    f"  client_secret={SECRET}",
    f'  "Passwd" : "{SECRET}"',
]
OPEN = [
    '  "exec-opts": ["native.cgroupdriver=systemd"],',
    '  "registry-mirrors": ["https://mirror.example/v2"],',
    "authorization:",
    "  mode: Webhook",
    'auth: {mode: "Webhook"}',
    "tokenTTL: 24h0m0s",
    "    secretName: x",
    "Acquire::http::Proxy http://proxy.example:3128;",
]


@pytest.mark.parametrize("line", LINES)
def test_a_secret_is_masked(line: str) -> None:
    shown = text_diff(f"{line}\n", "", "/x")
    assert SECRET not in shown
    assert "<masked>" in shown


@pytest.mark.parametrize("line", OPEN)
def test_all_else_is_shown(line: str) -> None:
    assert masked(line) == line


def test_it_is_masked_where_it_stays_and_what_we_write_is_shown() -> None:
    shown = text_diff(f"a\npassword = {SECRET}\nb\n", f"a\npassword = {SECRET}\nc\ntoken = ours\n", "/x")
    assert SECRET not in shown
    assert "+token = ours" in shown


def test_a_plan_to_rewrite_a_file_does_not_tell_what_it_held() -> None:
    found = File("/etc/docker/daemon.json", "{}\n").diff(ok(f"644 root:root\n{LINES[0]}\n"), set())
    assert found
    assert SECRET not in repr(found.diff)


def test_a_long_line_takes_no_time() -> None:
    """Certificates are words of thousands of characters."""
    line = "a" * 1_000_000
    assert masked(line) == line
    assert masked("://" * 300_000) == "://" * 300_000
