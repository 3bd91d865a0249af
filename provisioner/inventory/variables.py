"""How variables of groups and hosts are treated: read, ignored, or refused when ignoring them would mislead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pydantic import ValidationError

from provisioner.errors import Severity
from provisioner.inventory import messages
from provisioner.inventory.findings import Finding, KeyPath, nearest
from provisioner.inventory.model import ClusterSettings, HostVariables
from provisioner.inventory.yaml_lines import Tagged

# Ansible's other names for the same thing; where both are given the later one wins, as in its ssh plug-in
# (https://docs.ansible.com/ansible/latest/collections/ansible/builtin/ssh_connection.html).
NAMES: Mapping[str, tuple[str, ...]] = {
    **{field: (field,) for field in HostVariables.model_fields},
    "ansible_host": ("ansible_host", "ansible_ssh_host"),
    "ansible_port": ("ansible_port", "ansible_ssh_port"),
    "ansible_user": ("ansible_user", "ansible_ssh_user"),
    "ansible_ssh_private_key_file": ("ansible_private_key_file", "ansible_ssh_private_key_file"),
}
_FIELD = {name: field for field, known in NAMES.items() for name in known}

PASSWORDS = frozenset(
    {
        "ansible_password", "ansible_ssh_pass", "ansible_ssh_password",
        "ansible_become_password", "ansible_become_pass", "ansible_sudo_pass", "ansible_sudo_password",
        "ansible_private_key_passphrase", "ansible_ssh_private_key_passphrase",
    }
)  # fmt: skip

# Variables that may only say what happens anyway: these values are accepted, others are refused.
ONLY: Mapping[str, tuple[str, ...]] = {
    "ansible_connection": ("ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh"),
    "ansible_become_method": ("sudo", "ansible.builtin.sudo"),
    "ansible_become_user": ("root",),
}
_ONLY_HINTS = {
    "ansible_connection": "hosts are reached over SSH only: remove this line, or leave the host out",
    "ansible_become_method": "root is reached with sudo only: allow this user sudo without a password",
    "ansible_become_user": "everything runs as root: remove this line",
}

NOT_READ = {
    **dict.fromkeys(
        (
            "ansible_ssh_common_args",
            "ansible_ssh_extra_args",
            "ansible_sftp_extra_args",
            "ansible_scp_extra_args",
        ),
        "to use a jump host, set cluster.ssh.jump_host in all.vars",
    ),
    **dict.fromkeys(
        ("ansible_host_key_checking", "ansible_ssh_host_key_checking"),
        "host keys are always checked: name the file that has them in cluster.ssh.known_hosts",
    ),
}

_HARMLESS = frozenset(
    {
        "ansible_python_interpreter", "ansible_group_priority", "ansible_shell_type",
        "ansible_shell_executable", "ansible_pipelining", "ansible_ssh_pipelining", "ansible_ssh_executable",
        "ansible_ssh_transfer_method", "ansible_ssh_retries", "ansible_ssh_timeout", "ansible_timeout",
        "ansible_remote_tmp", "ansible_become_exe", "ansible_become_flags", "ansible_ssh_args",
        "ansible_ssh_use_tty",
    }
)  # fmt: skip

_JINJA = ("{{", "{%")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable as written in the file; `written` is its text in a format that has no types (INI)."""

    name: str
    value: object
    path: KeyPath
    written: str | None = None


def field_of(name: str) -> str | None:
    """The field of `HostVariables` that a variable sets; None when it is not read."""
    return _FIELD.get(name)


def read(variable: Variable, texts: Mapping[KeyPath, str]) -> tuple[object, tuple[Finding, ...]]:
    """The value of a variable that is read, or what is wrong with it."""
    field = _FIELD[variable.name]
    if refused := tuple(unreadable(variable.value, variable.path)):
        return None, refused
    try:
        return _validated(field, variable), ()
    except ValidationError as error:
        found = messages.findings(error, HostVariables, variable.path, texts, skip=1)
        return None, tuple(found if variable.written is None else map(_in_ini, found))


def _in_ini(finding: Finding) -> Finding:
    """In INI a mapping is written differently."""
    literal = """write it in quotes as "{'key': 'value'}", or as YAML into group_vars/ or host_vars/"""
    return replace(finding, hint=literal) if finding.message.startswith("expected a mapping") else finding


def _validated(field: str, variable: Variable) -> object:
    """Where a format has no types, `yes` is true and 1000 may be a name, as in Ansible."""
    if variable.written is None:
        return getattr(HostVariables.model_validate({field: variable.value}), field)
    try:
        return getattr(HostVariables.model_validate({field: variable.value}, strict=False), field)
    except ValidationError as error:
        try:
            return getattr(HostVariables.model_validate({field: variable.written}, strict=False), field)
        except ValidationError:
            raise error from None


def judge(variable: Variable) -> Iterator[Finding]:
    """Findings about a variable that is not read."""
    name, value = variable.name, variable.value
    if name in PASSWORDS:
        yield Finding(
            "password",
            variable.path,
            "no passwords in inventories",
            "use an SSH key, and sudo without a password",
        )
    elif name in ONLY and value not in ONLY[name]:
        yield Finding("unsupported", variable.path, f"{messages.found(value)} is not supported", _ONLY_HINTS[name])
    elif name in NOT_READ:
        yield Finding("not-read", variable.path, "this variable is not read here", NOT_READ[name], Severity.WARNING)
    elif name == "ansible_group_priority" and not isinstance(value, int):
        yield Finding("wrong-type", variable.path, f"expected a whole number, found {messages.found(value)}")
    elif name not in _HARMLESS and name not in ONLY:
        yield _unknown(variable)


def unreadable(value: object, path: KeyPath) -> Iterator[Finding]:
    """Templates and encrypted values, anywhere inside a value that would be read."""
    match value:
        case str() if any(mark in value for mark in _JINJA):
            yield Finding(
                "template",
                path,
                "this is a Jinja template",
                "inventories are read without Ansible, which would fill it in: write the value itself",
            )
        case Tagged(tag="!vault" | "!vault-encrypted"):
            yield Finding(
                "vault",
                path,
                "this value is encrypted with ansible-vault",
                "nothing secret belongs here: use SSH keys, and write other values as plain text",
            )
        case Tagged(tag=tag):
            yield Finding("tag", path, f"the YAML tag {tag} is not known", "write the plain value without a tag")
        case {"__ansible_vault": _}:  # how ansible-inventory prints it
            yield from unreadable(Tagged("!vault"), path)
        case dict():
            for key, below in value.items():
                yield from unreadable(below, (*path, str(key)))
        case list():
            for index, below in enumerate(value):
                yield from unreadable(below, (*path, index))


def _unknown(variable: Variable) -> Finding:
    name = variable.name
    if name in ClusterSettings.model_fields:
        return Finding(
            "misplaced",
            variable.path,
            f"`{name}` is a setting of the cluster",
            f"write it as all.vars.cluster.{name}",
        )
    if meant := _meant(name):
        return Finding(
            "unknown-variable",
            variable.path,
            f"the variable `{name}` is not known",
            f"did you mean `{meant}`?",
        )
    return Finding(
        "unknown-variable",
        variable.path,
        f"the variable `{name}` is not known and is ignored",
        "remove it if nothing else reads it",
        Severity.WARNING,
    )


def _meant(name: str) -> str:
    """Ansible's prefix makes all its names alike, so only the rest is compared."""
    known = {field.removeprefix("ansible_"): field for field in (*_FIELD, "cluster")}
    return known.get(nearest(name.removeprefix("ansible_"), known), "")
