"""Readers of files that others may have written: a saved plan, a bundle's manifest, versions, keys, configurations."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from unittest.mock import MagicMock

import paramiko
import pytest
import yaml

from provisioner import kubeconfig
from provisioner.bundle.common import reading
from provisioner.engine import plan_file
from provisioner.engine.session import load_version_lock
from provisioner.errors import ProvisionerError
from provisioner.inventory import loader
from provisioner.inventory.ssh import Ssh
from provisioner.kubeconfig import access
from provisioner.sources import openpgp
from provisioner.sources.version_lock import lock_of, path_for
from provisioner.transports.trust import offered_key
from provisioner.transports.user_config import way_to
from tests.builders import CA, cluster, host
from tests.conftest import TESTS, Tally
from tests.fuzz.mutating import SEED, dice, mutated
from tests.scenarios.repositories import world_of
from tests.scenarios.test_version_lock import looked
from tests.unit.bundle.conftest import FILES, manifest_of
from tests.unit.kubeconfig.given import SERVER, admin_conf
from tests.unit.kubeconfig.test_saving import OTHER

pytestmark = pytest.mark.fuzz

INPUTS = 8_000
INVENTORIES = 2_000


def tried(read: Callable[[str], object], begin: Sequence[str], count: int, name: str) -> None:
    """Every reader gives a value or one of our errors, which says what to do."""
    chance = dice(name)
    for said in itertools.islice(itertools.cycle(begin), count):
        text = mutated(said, chance)
        try:
            read(text)
        except ProvisionerError:
            continue
        except Exception as error:
            raise AssertionError(f"{name}: {error!r} from {text!r}, PROVISIONER_TEST_SEED={SEED}") from error


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode(errors="surrogatepass"))
    return path


def test_a_saved_plan(tmp_path: Path, tally: Tally) -> None:
    begin = [(TESTS / "golden" / "plan-file.json").read_text()]
    tried(lambda text: plan_file.load(written(tmp_path / "plan", text)).plan, begin, INPUTS, "plan")
    tally("hostile inputs tried", INPUTS)


def test_a_bundle_s_manifest(tmp_path: Path, tally: Tally) -> None:
    for path, data in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    begin = [manifest_of(tmp_path).model_dump_json(indent=indent) for indent in (None, 1)]

    def read(text: str) -> None:
        written(tmp_path / "bundle.json", text)
        reading.require_whole(reading.load(tmp_path))

    tried(read, begin, INPUTS, "manifest")
    tally("hostile inputs tried", INPUTS)


def test_a_lock_file_of_versions(tmp_path: Path, tally: Tally) -> None:
    want = cluster().model_copy(update={"path": tmp_path / "inventory.yaml"})
    begin = [lock_of(looked(world_of())).model_dump_json(indent=1)]

    def read(text: str) -> None:
        written(path_for(want.path), text)
        load_version_lock(want)

    tried(read, begin, INPUTS, "versions")
    tally("hostile inputs tried", INPUTS)


def test_a_kubeconfig_and_the_one_beside_it(tmp_path: Path, tally: Tally) -> None:
    """admin.conf comes from a control plane, and what is merged into from the user or a tool of his."""
    admin = yaml.safe_dump(admin_conf())
    given = access.read(admin, SERVER, CA)
    chance = dice("which kubeconfig")

    def read(text: str) -> None:
        if chance.random() < 0.5:
            with suppress(ValueError):
                access.read(text, SERVER, CA)
        else:
            kubeconfig.save(written(tmp_path / "config", text), given, "lab", merge=chance.random() < 0.7)

    tried(read, [admin, OTHER], INPUTS // 4, "kubeconfig")
    tally("hostile inputs tried", INPUTS // 4)


def test_known_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tally: Tally) -> None:
    key = paramiko.ECDSAKey.generate()
    shown = MagicMock()
    shown.return_value.__enter__.return_value.get_remote_server_key.return_value = key
    monkeypatch.setattr(socket, "create_connection", MagicMock())
    monkeypatch.setattr(paramiko, "Transport", shown)
    line = f"10.0.0.21 {key.get_name()} {key.get_base64()}\n"
    begin = [line, f"# mine\n|1|x=|y= ssh-ed25519 AAAA\n@revoked {line}{line}", f"[10.0.0.21]:2222,w1 {line}"]

    def read(text: str) -> None:
        ssh = Ssh(known_hosts=written(tmp_path / "known_hosts", text), user_config=False)
        offered_key(way_to(host("w1", "10.0.0.21"), ssh), ssh)

    tried(read, begin, INPUTS // 2, "known_hosts")
    tally("hostile inputs tried", INPUTS // 2)


def test_a_repository_s_key(tally: Tally) -> None:
    """Whatever comes instead of a key is a ValueError: who reads it says whose key it is."""

    def read(text: str) -> None:
        try:
            openpgp.read(text)
        except ValueError:
            return

    tried(read, [(TESTS / "cases" / "sources" / "key.asc").read_text()], INPUTS, "key")
    tally("hostile inputs tried", INPUTS)


def inventories(*endings: str) -> list[str]:
    root = TESTS.parent / "inventories"
    return [path.read_text() for path in sorted(root.rglob("*")) if path.suffix in endings]


@pytest.mark.parametrize("name", ["inventory.yaml", "inventory.ini"])
def test_an_inventory(name: str, tmp_path: Path, tally: Tally) -> None:
    """All its errors are findings, each with a line to look at."""
    ending = Path(name).suffix

    def read(text: str) -> None:
        found, problems = loader.check(written(tmp_path / name, text), untested=True)
        assert found or problems

    tried(read, inventories(ending), INVENTORIES, name)
    tally("hostile inputs tried", INVENTORIES)
