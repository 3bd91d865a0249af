"""What a control plane tells as its kubeconfig: the allowed is read, everything else is refused by its name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.kubeconfig import access, merging
from tests.builders import CA
from tests.conftest import Tally
from tests.unit.kubeconfig.given import SERVER, admin_conf, client, encoded, other_ca

Config = dict[str, Any]
MARK = "touch /tmp/was-run"


def test_what_kubeadm_writes_is_read_and_rewritten() -> None:
    given = access.read(yaml.safe_dump(admin_conf()), SERVER, CA)
    config = merging.entries(given, "test")
    assert config["clusters"] == [
        {"name": "test", "cluster": {"certificate-authority-data": encoded(CA), "server": SERVER}}
    ]
    assert config["contexts"] == [{"name": "test", "context": {"cluster": "test", "user": "test-admin"}}]
    assert set(config["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}
    assert given.certificate == client()[0]
    assert "PRIVATE" not in repr(given)


def test_the_key_is_the_same_key() -> None:
    given = access.read(yaml.safe_dump(admin_conf()), SERVER, CA)
    keys = [
        serialization.load_pem_private_key(text.encode(), None).public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        for text in (given.key.reveal(), client()[1])
    ]  # fmt: skip
    assert keys[0] == keys[1]


def test_what_was_made_is_read_again() -> None:
    given = access.read(yaml.safe_dump(admin_conf()), SERVER, CA)
    assert access.of(merging.entries(given, "test"), SERVER, CA) == given


def test_a_ca_is_the_same_however_its_base64_is_wrapped() -> None:
    config = admin_conf()
    data = config["clusters"][0]["cluster"]["certificate-authority-data"]
    config["clusters"][0]["cluster"]["certificate-authority-data"] = "\n".join(
        data[start : start + 64] for start in range(0, len(data), 64)
    )
    assert access.read(yaml.safe_dump(config), SERVER, CA).ca == CA


def test_what_stands_around_a_certificate_does_not_come_along() -> None:
    config = admin_conf((f"# {MARK}\n{client()[0]}", f"{client()[1]}# {MARK}\n"), ca=f"# {MARK}\n{CA}")
    made = yaml.safe_dump(merging.entries(access.read(yaml.safe_dump(config), SERVER, CA), "test"))
    assert encoded(CA) in made
    assert encoded(client()[0]) in made


def cluster(config: Config) -> Config:
    found: Config = config["clusters"][0]["cluster"]
    return found


def user(config: Config) -> Config:
    found: Config = config["users"][0]["user"]
    return found


def put(where: Callable[[Config], Config], **values: Any) -> Callable[[Config], None]:
    return lambda config: where(config).update({key.replace("_", "-"): value for key, value in values.items()})


def top(config: Config) -> Config:
    return config


def second(kind: str) -> Callable[[Config], None]:
    return lambda config: config[kind].append(config[kind][0])


EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", MARK]}
ED25519 = ed25519.Ed25519PrivateKey.generate().private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
)
REFUSED: dict[str, tuple[Callable[[Config], None], str]] = {
    "exec": (put(user, exec=EXEC), "users[0].user.exec is not allowed"),
    "auth-provider": (put(user, auth_provider={"name": "gcp", "config": {"cmd-path": "sh"}}), "user.auth-provider"),
    "token": (put(user, token="x"), "users[0].user.token is not allowed"),
    "tokenFile": (put(user, tokenFile="/etc/passwd"), "users[0].user.tokenFile is not allowed"),
    "username": (put(user, username="x"), "users[0].user.username is not allowed"),
    "password": (put(user, password="x"), "users[0].user.password is not allowed"),
    "as": (lambda config: user(config).update({"as": "root"}), "users[0].user.as is not allowed"),
    "as-groups": (put(user, as_groups=["system:masters"]), "users[0].user.as-groups is not allowed"),
    "as-uid": (put(user, as_uid="0"), "users[0].user.as-uid is not allowed"),
    "a certificate's path": (put(user, client_certificate="/etc/shadow"), "user.client-certificate is not allowed"),
    "a key's path": (put(user, client_key="/root/.ssh/id_rsa"), "user.client-key is not allowed"),
    "a CA's path": (put(cluster, certificate_authority="/x"), "cluster.certificate-authority is not allowed"),
    "no TLS": (put(cluster, insecure_skip_tls_verify=True), "cluster.insecure-skip-tls-verify is not allowed"),
    "a proxy": (put(cluster, proxy_url="http://10.9.9.9"), "clusters[0].cluster.proxy-url is not allowed"),
    "another name": (put(cluster, tls_server_name="x"), "clusters[0].cluster.tls-server-name is not allowed"),
    "extensions": (put(cluster, extensions=[]), "clusters[0].cluster.extensions is not allowed"),
    "extensions on top": (put(top, extensions=[]), "extensions is not allowed"),
    "a key nobody knows": (put(top, hooks=["sh"]), "hooks is not allowed"),
    "preferences": (put(top, preferences={"colors": True}), "preferences has more entries than allowed"),
    "a namespace": (put(lambda config: config["contexts"][0]["context"], namespace="x"), "context.namespace"),
    "two users": (second("users"), "users has more entries than allowed"),
    "two clusters": (second("clusters"), "clusters has more entries than allowed"),
    "two contexts": (second("contexts"), "contexts has more entries than allowed"),
    "no user": (lambda config: config.update(users=[]), "users"),
    "no users at all": (lambda config: config.pop("users"), "users is missing"),
    "another current context": (put(top, current_context="x"), "contexts[0] does not connect"),
    "a context of another user": (lambda config: config["users"][0].update(name="x"), "contexts[0] does not connect"),
    "plain http": (put(cluster, server="http://10.0.0.11:6443"), f'"http://10.0.0.11:6443", and {SERVER} is expected'),
    "another server": (put(cluster, server="https://10.9.9.9:6443"), f'"https://10.9.9.9:6443", and {SERVER}'),
    "a path behind it": (put(cluster, server=f"{SERVER}/x"), "is expected"),
    "a server with escapes": (put(cluster, server="https://\x1b[2J"), r"\x1b"),
    "another CA": (put(cluster, certificate_authority_data=encoded(other_ca())), "is not the cluster's CA"),
    "two CAs": (put(cluster, certificate_authority_data=encoded(CA + other_ca())), "is not the cluster's CA"),
    "no CA": (put(cluster, certificate_authority_data=""), "is not the cluster's CA"),
    "a CA that is a path": (put(cluster, certificate_authority_data="/etc/passwd"), "is not the cluster's CA"),
    "a number": (put(cluster, server=1), "clusters[0].cluster.server"),
    "a list": (put(top, clusters="x"), "clusters"),
    "no base64": (put(user, client_certificate_data="%%%"), "client-certificate-data is not a certificate"),
    "no PEM": (put(user, client_certificate_data=encoded("x")), "client-certificate-data is not a certificate"),
    "a key for a certificate": (put(user, client_certificate_data=encoded(client()[1])), "is not a certificate"),
    "no key": (put(user, client_key_data=encoded("x")), "client-key-data is not a private key"),
    "an encrypted key": (put(user, client_key_data=encoded(ED25519.decode())), "without a password"),
    "another's key": (put(user, client_key_data=encoded(client("x")[1])), "is not the key of client-certificate-data"),
    "another version": (put(top, apiVersion="v2"), "apiVersion"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_allowed_is_refused_by_its_name(name: str, tally: Tally) -> None:
    change, words = REFUSED[name]
    config = admin_conf()
    change(config)
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the words are looked at below
        access.read(yaml.dump(config, Dumper=NoAliases), SERVER, CA)
    assert words in str(error.value)
    assert client()[1][40:80] not in str(error.value)
    assert "\x1b" not in str(error.value)
    tally("hostile inputs tried", 1)


class NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


GOOD = yaml.safe_dump(admin_conf())
BOMB = "a: &a [x, x]\n" + "".join(f"{name}: &{name} [*{before}, *{before}]\n" for before, name in pairwise("abcdefghi"))
TEXTS: dict[str, tuple[str, str]] = {
    "nothing": ("", "the file"),
    "a word": ("x", "the file"),
    "a list": ("- x\n", "the file"),
    "binary": ("\x00\x01", "not valid YAML"),
    "aliases": (f"{GOOD}{BOMB}", "uses anchors"),
    "an anchor": (GOOD.replace("kind: Config", "kind: &x Config"), "uses anchors"),
    "a loop": ("&x [*x]", "uses anchors"),
    "deep": ("[" * 100_000, "larger than"),
    "deep enough": ("[" * 10_000, "nested deeper"),
    "deep in blocks": ("".join(f"{'  ' * depth}a:\n" for depth in range(60)), "nested deeper"),
    "huge": (f"{GOOD}# {'x' * 100_000}", "larger than"),
    "a key twice": (f"{GOOD}kind: Config\n", "kind: this key is given a second time"),
    "two documents": (f"{GOOD}---\n{GOOD}", "YAML"),
    "a tag": (f"{GOOD}x: !!python/object/apply:os.system [ls]\n", "x: the YAML tag"),
    "a merge": (f"{GOOD}<<: {{x: 1}}\n", "x is not allowed"),
    "a large number": (f"{GOOD}x: {'9' * 10_000}\n", ""),
    "a key that is a list": (f"{GOOD}? [a]\n: x\n", "YAML"),
    "half": (GOOD[: len(GOOD) // 2], ""),
    "a surrogate": (GOOD + 'x: "\\ud800"\n', "not valid YAML"),
    "a lone one": (GOOD + "# \ud800", ""),
    "many": (GOOD + "".join(f"x{number}: 1\n" for number in range(99)), "; and 94 more"),
    "escapes": (GOOD + '"\\e[2Jx": 1\n', "\\x1b[2Jx is not allowed"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_is_no_kubeconfig_is_refused_and_bounded(name: str, tally: Tally) -> None:
    text, words = TEXTS[name]
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the words are looked at below
        access.read(text, SERVER, CA)
    assert words in str(error.value)
    assert "\x1b" not in str(error.value)
    assert len(str(error.value)) < 1000
    tally("hostile inputs tried", 1)


@pytest.mark.parametrize("cut", range(0, len(GOOD), 97))
def test_a_half_of_it_is_never_taken(cut: int, tally: Tally) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any reason will do
        access.read(GOOD[:cut], SERVER, CA)
    tally("hostile inputs tried", 1)


PIECES = (
    "&a ",
    "*a",
    "!!x ",
    "{",
    "[",
    "? ",
    "<<: ",
    "- ",
    "---\n",
    "|\n",
    "'",
    '"',
    "%YAML 9\n",
    "\t",
    "1e999",
    "\x85",
)


@given(st.integers(0, len(GOOD)), st.integers(0, 200), st.one_of(st.sampled_from(PIECES), st.text(max_size=20)))
@settings(max_examples=60, deadline=None)
def test_whatever_is_changed_it_is_read_or_refused(place: int, gone: int, put_in: str) -> None:
    """Both as what a machine tells and as a file that is merged into."""
    text = GOOD[:place] + put_in + GOOD[place + gone :]
    with suppress(ValueError):
        assert access.read(text, SERVER, CA).server == SERVER
    with suppress(ValueError):
        told = access.read(GOOD, SERVER, CA)
        list(merging.conflicts(merging.parse(text), told, "test"))
        merging.dump(merging.merged(merging.parse(text), told, "test"))


def test_rsa_as_kubeadm_makes_it() -> None:
    pair = client(by_rsa=True)
    assert access.read(yaml.safe_dump(admin_conf(pair)), SERVER, CA).certificate == pair[0]
    with pytest.raises(ValueError, match="is not the key of"):
        access.read(yaml.safe_dump(admin_conf((client()[0], pair[1]))), SERVER, CA)
