"""How the hosts are reached: the settings of `cluster.ssh`."""

from __future__ import annotations

from pydantic import Field

from provisioner.inventory.strict import FilePath, Model

# The default of SSH.
SSH_PORT = 22
_PORT = r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_JUMP = rf"([A-Za-z0-9_][-A-Za-z0-9_.]*@)?([A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+(%[A-Za-z0-9.]+)?\])(:{_PORT})?"
JUMP_HOST = rf"^{_JUMP}(,{_JUMP})*$"


class Ssh(Model):
    """How the hosts are reached."""

    known_hosts: FilePath | None = Field(
        default=None,
        description="Host keys of the cluster, relative to the inventory; ~/.ssh/known_hosts otherwise.",
    )
    jump_host: str | None = Field(
        default=None,
        pattern=JUMP_HOST,
        description="The jump host, as [user@]host[:port]; or several in a row, separated by commas.",
    )
    user_config: bool = Field(
        default=True,
        description="Read ~/.ssh/config and /etc/ssh/ssh_config, as ssh does: HostName, User, Port, IdentityFile, "
        "IdentitiesOnly, ProxyJump, ProxyCommand, UserKnownHostsFile. What the inventory says wins.",
    )
    connect_timeout_s: int = Field(default=15, ge=1, le=600, description="Give up connecting after so many seconds.")
    keepalive_s: int = Field(
        default=15, ge=1, le=600, description="Seconds between keepalive messages on an idle connection."
    )
    parallel: int = Field(default=20, ge=1, le=500, description="How many hosts are worked on at once.")
