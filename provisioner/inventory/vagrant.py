"""The settings under `vagrant:` of a group or a host: the virtual machine that Vagrant makes.

The Vagrantfile reads it too, from the inventory's file, and has the same defaults; a test compares both.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from provisioner.inventory.strict import Model

# The owner's name, a slash, the name of the box.
BOX = r"^[A-Za-z0-9][-A-Za-z0-9_.]*(/[A-Za-z0-9][-A-Za-z0-9_.]*)?$"
SETTING = r"^[a-z][a-z0-9_]*$"

Provider = Literal["virtualbox", "libvirt", "vmware_desktop", "parallels", "docker"]
# The name of a setting in Vagrant's documentation of the provider, and its value.
Settings = dict[Annotated[str, StringConstraints(pattern=SETTING)], str | int | bool]


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


Sizes = Annotated[tuple[Annotated[int, Field(ge=1, le=10000)], ...], BeforeValidator(_as_tuple)]


class Vagrant(Model):
    """The virtual machine that Vagrant makes of a host; its address in the machines' network is `node_ip`."""

    provider: Provider = Field(
        default="virtualbox", description="What runs the machines. One for all; VAGRANT_DEFAULT_PROVIDER overrides it."
    )
    release: Literal["bookworm", "jammy", "noble"] = Field(
        default="bookworm",
        description="Debian 12, Ubuntu 22.04 or 24.04: selects the box, and what a bundle is made for.",
    )
    box: str | None = Field(default=None, pattern=BOX, description="Another box with that release.")
    box_version: str | None = Field(default=None, min_length=1, description="The box's version; the newest otherwise.")
    memory_mib: int = Field(default=2048, ge=256, le=1048576, description="Memory, in MiB. Not used by docker.")
    cpus: int = Field(default=2, ge=1, le=256, description="Processors. Not used by docker.")
    disks_gib: Sizes = Field(
        default=(), description="Sizes of further disks, in GiB. Not possible with docker and parallels."
    )
    settings: Settings = Field(
        default={}, description="More of the provider's own settings by their names in Vagrant, such as `gui: true`."
    )
