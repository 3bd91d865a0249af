"""The kubeconfig at home: closed to others, never in the way of other clusters, merged only when asked."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from provisioner.errors import UsageError
from provisioner.kubeconfig import access, merging, save
from provisioner.kubeconfig.access import Access
from provisioner.world.derived import ca_fingerprint, same_ca
from tests.builders import CA
from tests.unit.kubeconfig.given import NOW, SERVER, admin_conf, client, encoded, other_ca

OTHER = """\
apiVersion: v1
kind: Config
preferences: {colors: true}
clusters: [{name: work, cluster: {server: "https://work"}}]
contexts: [{name: work, context: {cluster: work, user: me}}]
users: [{name: me, user: {exec: {command: aws}}}]
current-context: work
"""


def given(pair: tuple[str, str] | None = None, ca: str = CA, server: str = SERVER) -> Access:
    return access.read(yaml.safe_dump(admin_conf(pair, ca, server)), server, ca)


def read(path: Path) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(path.read_text())
    return config


def names(path: Path, kind: str) -> list[str]:
    return [entry["name"] for entry in read(path)[kind]]


def refused(path: Path, told: Access, *, merge: bool = True) -> UsageError:
    """The error; nothing was written."""
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(UsageError) as error:
        save(path, told, "test", merge=merge)
    assert (path.read_bytes() if path.is_file() else b"") == before
    assert not path.with_name(f"{path.name}.bak").exists()
    assert error.value.hint
    return error.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config"


@pytest.mark.parametrize("merge", [True, False])
def test_where_there_is_no_file(tmp_path: Path, merge: bool) -> None:
    path = tmp_path / "deep" / "config"
    assert save(path, given(), "test", merge=merge)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["config"]
    assert read(path)["current-context"] == "test"


@pytest.mark.parametrize("merge", [True, False])
def test_a_second_time_nothing_is_written(path: Path, merge: bool) -> None:
    save(path, given(), "test", merge=merge)
    before = path.stat()
    assert not save(path, given(), "test", merge=merge)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [entry.name for entry in path.parent.iterdir()] == ["config"]


def test_a_file_that_others_can_read_is_closed(path: Path) -> None:
    save(path, given(), "test", merge=False)
    path.chmod(0o644)
    assert save(path, given(), "test", merge=False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "newer", [given(client("renewed")), given(server="https://10.0.0.12:6443")], ids=["certificate", "server"]
)
@pytest.mark.parametrize("merge", [True, False])
def test_an_older_one_of_the_same_cluster_is_replaced_and_kept(path: Path, newer: Access, merge: bool) -> None:
    save(path, given(), "test", merge=merge)
    before = path.read_text()
    assert save(path, newer, "test", merge=merge)
    assert read(path) == merging.entries(newer, "test")
    backup = path.with_name("config.bak")
    assert backup.read_text() == before
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_the_backup_is_what_was_there_before_the_last_change(path: Path) -> None:
    for name in ("a", "b", "c"):
        save(path, given(client(name)), "test", merge=False)
    assert read(path.with_name("config.bak")) == merging.entries(given(client("b")), "test")
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["config", "config.bak"]


def test_another_cluster_of_the_same_name_is_refused_and_both_are_shown(path: Path) -> None:
    """Also without --merge; their CAs begin alike."""
    assert encoded(CA)[:100] == encoded(other_ca())[:100]
    save(path, given(ca=other_ca(), server="https://10.9.9.9:6443"), "test", merge=False)
    error = refused(path, given(), merge=False)
    assert "other entries with the names" in error.message
    assert error.details.splitlines() == [
        f'cluster test exists: "https://10.9.9.9:6443", CA {ca_fingerprint(other_ca())}',
        f"cluster test to be written: {SERVER}, CA {ca_fingerprint(CA)}",
    ]
    assert f"mv {path} {path}.old" in error.hint
    assert "-o FILE" in error.hint
    refused(path, given())


def test_the_way_out_beside_other_clusters_is_told_as_commands(path: Path) -> None:
    path.write_text(OTHER)
    save(path, given(ca=other_ca()), "test", merge=True)
    path.with_name("config.bak").unlink()
    hint = refused(path, given()).hint
    assert f"kubectl --kubeconfig {path} config delete-cluster test" in hint
    assert "mv " not in hint


def test_other_clusters_are_merged_with_only_when_asked(path: Path) -> None:
    path.write_text(OTHER)
    path.chmod(0o644)
    error = refused(path, given(), merge=False)
    assert "has other clusters" in error.message
    assert "--merge" in error.hint
    assert save(path, given(), "test", merge=True)
    assert (names(path, "clusters"), names(path, "users")) == (["work", "test"], ["me", "test-admin"])
    assert read(path)["preferences"] == {"colors": True}
    assert read(path)["users"][0] == {"name": "me", "user": {"exec": {"command": "aws"}}}
    assert read(path)["current-context"] == "test"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.with_name("config.bak").read_text() == OTHER


def test_an_entry_is_replaced_in_its_place_with_the_namespace_that_was_chosen(path: Path) -> None:
    save(path, given(), "test", merge=False)
    config = read(path)
    config["contexts"][0]["context"]["namespace"] = "web"
    config["clusters"].append(yaml.safe_load(OTHER)["clusters"][0])
    path.write_text(yaml.safe_dump(config))
    assert save(path, given(client("renewed")), "test", merge=True)
    assert names(path, "clusters") == ["test", "work"]
    assert read(path)["contexts"][0]["context"] == {"cluster": "test", "namespace": "web", "user": "test-admin"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"users": [{"name": "test-admin", "user": {"token": "x"}}]}, 'user test-admin exists: for "work"'),
        ({"contexts": [{"name": "test", "context": {"cluster": "x", "user": "me"}}]}, 'cluster "x" and user "me"'),
        ({"contexts": [{"name": "test", "context": {"cluster": ["x"], "user": {}}}]}, 'cluster "" and user ""'),
        ({"contexts": [{"name": "test", "context": {}}]}, 'cluster "" and user ""'),
        ({"clusters": [{"name": "test", "cluster": {"server": "https://x"}}]}, '"https://x", CA not in the file'),
        ({"clusters": [{"name": "test", "cluster": {"certificate-authority": "/ca.crt"}}]}, '"", CA not in the file'),
        ({"clusters": [{"name": "test", "cluster": {"certificate-authority-data": "%"}}]}, "CA not in the file"),
        ({"clusters": [{"name": "test", "cluster": {"certificate-authority-data": 3}}]}, "CA not in the file"),
        ({"clusters": [{"name": "test", "cluster": {"server": "\x1b[2J"}}]}, r"\x1b[2J"),
    ],
    ids=["user", "context", "a list", "an empty one", "no CA", "a file as CA", "a damaged CA", "a number", "escapes"],
)  # fmt: skip
def test_what_has_our_names_and_belongs_to_others_is_refused(path: Path, change: dict[str, Any], words: str) -> None:
    config = {**yaml.safe_load(OTHER), **change}
    if "users" in change:
        config["contexts"][0]["context"]["user"] = "test-admin"
    path.write_text(yaml.safe_dump(config))
    assert words in refused(path, given()).details


def test_a_user_whom_another_cluster_s_context_uses_too_is_not_replaced(path: Path) -> None:
    save(path, given(), "test", merge=False)
    config = read(path)
    config["contexts"].append({"name": "x", "context": {"cluster": "work", "user": "test-admin"}})
    path.write_text(yaml.safe_dump(config))
    assert 'user test-admin exists: for "work"' in refused(path, given(client("renewed"))).details


def test_a_user_of_our_name_without_any_cluster_is_not_replaced(path: Path) -> None:
    path.write_text(yaml.safe_dump({"users": [{"name": "test-admin", "user": {"token": "x"}}]}))
    assert "no cluster in this file" in refused(path, given()).details


def test_a_context_that_was_deleted_comes_back(path: Path) -> None:
    save(path, given(), "test", merge=False)
    path.write_text(yaml.safe_dump({**read(path), "contexts": []}))
    assert save(path, given(), "test", merge=False)
    assert names(path, "contexts") == ["test"]


def test_a_file_of_another_encoding_of_lines_is_kept_byte_by_byte(path: Path) -> None:
    path.write_bytes(OTHER.replace("\n", "\r\n").encode() + "# grüße\r\n".encode())
    before = path.read_bytes()
    save(path, given(), "test", merge=True)
    assert path.with_name("config.bak").read_bytes() == before


def test_a_program_that_an_older_version_has_taken_home_does_not_stay(path: Path) -> None:
    save(path, given(), "test", merge=False)
    config = read(path)
    config["users"][0]["user"]["exec"] = {"command": "sh"}
    path.write_text(yaml.safe_dump(config))
    assert not merging.is_current(path.read_text(), "test", SERVER, CA, NOW)
    save(path, given(), "test", merge=False)
    assert "exec" not in path.read_text()


@pytest.mark.parametrize(
    "text",
    ["", "\n", "# mine\n", "{}", "apiVersion: v1\nkind: Config\nclusters: null\ncontexts: []\nusers:\n"],
    ids=["empty", "a newline", "a comment", "a mapping", "kubectl's empty one"],
)
def test_an_empty_one_is_filled(path: Path, text: str) -> None:
    path.write_text(text)
    assert save(path, given(), "test", merge=False)
    assert names(path, "clusters") == ["test"]


def test_json_is_read(path: Path) -> None:
    path.write_text(json.dumps(yaml.safe_load(OTHER), indent=4))
    assert save(path, given(), "test", merge=True)
    assert names(path, "clusters") == ["work", "test"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"- a\n- b\n", "not a mapping"),
        (b"clusters: [\n", "not valid YAML"),
        (b"clusters: {work: x}\n", "`clusters` is not a list"),
        (b"users: [{name: 3, user: {}}]\n", "`users` is not a list"),
        (b"users: [{name: x}]\n", "`users` is not a list"),
        (b"users: [{name: x, user: {}}, {name: x, user: {}}]\n", 'two entries with the name "x"'),
        (b"kind: Config\nkind: Config\n", "a second time"),
        (b"a: &a [1]\nb: *a\n", "uses anchors"),
        (b"x: !vault secret\n", "a tag"),
        (b"[" * 100_000, "nested deeper"),
        (b"\xff\xfe\xff", "not text"),
        (b"a: '" + b"x" * 5_000_000 + b"'", "larger than"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_is_no_kubeconfig_is_left_alone(path: Path, content: bytes, words: str) -> None:
    path.write_bytes(content)
    error = refused(path, given())
    assert "is not a kubeconfig" in error.message
    assert words in error.message


def test_a_directory_is_refused(path: Path) -> None:
    path.mkdir()
    assert "is not a file" in refused(path, given()).message


def test_a_file_in_the_place_of_a_directory(path: Path) -> None:
    path.touch()
    assert str(path / "x") in refused(path / "x", given()).message


@pytest.mark.parametrize("relative", [True, False])
def test_a_link_stays_a_link(tmp_path: Path, relative: bool) -> None:
    target, path = tmp_path / "dotfiles" / "kubeconfig", tmp_path / "config"
    target.parent.mkdir()
    target.write_text(OTHER)
    path.symlink_to(Path("dotfiles/kubeconfig") if relative else target)
    save(path, given(), "test", merge=True)
    assert path.is_symlink()
    assert names(target, "clusters") == ["work", "test"]
    assert (tmp_path / "config.bak").read_text() == OTHER
    assert [entry.name for entry in target.parent.iterdir()] == ["kubeconfig"]


def test_a_link_to_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.symlink_to("elsewhere")
    save(path, given(), "test", merge=True)
    assert path.is_symlink()
    assert names(tmp_path / "elsewhere", "clusters") == ["test"]


def test_a_link_into_nowhere_is_refused(tmp_path: Path) -> None:
    """What is not mounted is not made in its place."""
    path = tmp_path / "config"
    path.symlink_to("unmounted/kubeconfig")
    assert "cannot be written: No such file" in refused(path, given()).message
    assert not (tmp_path / "unmounted").exists()


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.symlink_to(path)
    assert "config" in refused(path, given()).message


def test_whether_a_file_opens_the_cluster_for_a_while(path: Path) -> None:
    """A year's certificate; thirty days before its end it is fetched again."""
    save(path, given(), "test", merge=False)
    text = path.read_text()
    assert merging.is_current(text, "test", SERVER, CA, NOW)
    assert not merging.is_current(text, "test", SERVER, CA, NOW + timedelta(days=340))
    assert not merging.is_current(text, "test", SERVER, other_ca(), NOW)
    assert not merging.is_current(text, "test", "https://10.0.0.12:6443", CA, NOW)
    assert not merging.is_current(text, "other", SERVER, CA, NOW)
    assert not merging.is_current("", "test", SERVER, CA, NOW)
    assert not merging.is_current("[", "test", SERVER, CA, NOW)


def test_a_namespace_and_other_clusters_do_not_make_it_older(path: Path) -> None:
    path.write_text(OTHER)
    save(path, given(), "test", merge=True)
    config = read(path)
    config["contexts"][1]["context"]["namespace"] = "web"
    assert merging.is_current(yaml.safe_dump(config), "test", SERVER, CA, NOW)


def test_cas_are_compared_whole() -> None:
    assert same_ca(CA, encoded(CA))
    assert same_ca(CA, encoded(CA.strip()))
    assert same_ca(f"\n{CA}\n", "\n".join(encoded(CA)[start : start + 76] for start in range(0, 2000, 76)))
    assert not same_ca(CA, encoded(other_ca()))
    assert not same_ca(CA, encoded(CA[:-200] + "A" * 140 + CA[-60:]))
    for damaged in ("", "%", "QUJD", encoded(CA[:-40]), "é", "=" * 9):
        assert not same_ca(CA, damaged)
        assert not same_ca(damaged, damaged)
