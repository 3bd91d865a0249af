"""The bundle as a node sees it: apt fetches and checks packages through the server of `bundle.serve`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from provisioner.bundle.common.machine import default_cache, machine_architecture
from provisioner.bundle.common.reading import Bundle, load, sha256_of
from provisioner.bundle.common.serve import serve_connection
from provisioner.bundle.debian.build import ready
from provisioner.bundle.debian.recipe import Recipe

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not shutil.which("apt-get"), reason="this machine has no apt"),
]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    path = ready(default_cache(), Recipe(architecture=machine_architecture()))
    if path is None:
        pytest.skip("no bundle in the cache: `provisioner bundle build` makes one")
    return load(path)


@pytest.fixture
def address(bundle: Bundle) -> Iterator[str]:
    """The bundle on a port of this machine, each connection served as one forwarded by SSH is."""
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(8) as pool:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    pool.submit(serve_connection, connection, bundle.path)

        pool.submit(accept)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/apt"
        listening.shutdown(socket.SHUT_RDWR)


def apt(home: Path, *arguments: str, directory: Path | None = None) -> subprocess.CompletedProcess[str]:
    """apt-get with all its state below `home` and nothing of this machine's configuration."""
    options = {
        "Dir::State": home / "state",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": home / "cache",
        "Dir::Etc": home / "etc",
        "Acquire::http::Proxy": "DIRECT",
        "APT::Sandbox::User": "root",
    }
    given = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    return subprocess.run(
        ["apt-get", *given, *arguments],
        cwd=directory,
        env=os.environ | {"APT_CONFIG": "/dev/null", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def home(tmp_path: Path, bundle: Bundle, address: str) -> Path:
    for directory in ("state/lists/partial", "cache/archives/partial", "etc/sources.list.d", "etc/preferences.d"):
        (tmp_path / directory).mkdir(parents=True)
    line = f"deb [signed-by={bundle.apt_key}] {address} ./\n"
    (tmp_path / "etc/sources.list").write_text(line)
    return tmp_path


def test_apt_trusts_and_fetches(home: Path, bundle: Bundle, tmp_path: Path) -> None:
    updated = apt(home, "update", "--error-on=any")
    assert updated.returncode == 0, updated.stderr
    again = apt(home, "update", "--error-on=any")
    assert "Hit:" in again.stdout
    names = ["kubelet", "kubeadm", "docker.io", "conntrack"]
    exact = [f"{name}={bundle.package_version(name)}" for name in names]
    fetched = apt(home, "download", *exact, directory=tmp_path)
    assert fetched.returncode == 0, fetched.stderr
    expected = {content.sha256 for content in bundle.manifest.contents if content.name in names}
    assert {sha256_of(path) for path in tmp_path.glob("*.deb")} == expected


def test_apt_refuses_another_key(home: Path, bundle: Bundle, address: str, tmp_path: Path) -> None:
    other = tmp_path / "other.asc"
    other.write_text(bundle.apt_key.read_text().replace("m", "n", 1))
    (home / "etc/sources.list").write_text(f"deb [signed-by={other}] {address} ./\n")
    assert apt(home, "update", "--error-on=any").returncode != 0
