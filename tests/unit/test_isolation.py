"""The fast tests can do neither of these."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest


def test_no_connection() -> None:
    with socket.socket() as one, pytest.raises(AssertionError, match="may not open connections"):
        one.connect(("127.0.0.1", 22))


def test_no_program() -> None:
    with pytest.raises(AssertionError, match="may not open connections or start programs"):
        subprocess.run(["true"], check=False)
    with pytest.raises(AssertionError):
        os.system("true")  # noqa: S605
