"""A batch whose connection breaks in the middle ends at once with an error; it never waits for what cannot come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import paramiko
import pytest

from provisioner.transports.batch import Batch
from provisioner.transports.channels import send
from provisioner.transports.protocol import no_listener


@dataclass
class Channel:
    """What paramiko tells of a channel: one whose connection is gone is closed, and says that its end is known."""

    closed: bool
    eof_received: bool
    active: bool
    status: int = 0

    def recv_ready(self) -> bool:
        return False

    def recv_stderr_ready(self) -> bool:
        return False

    def exit_status_ready(self) -> bool:
        return self.closed

    def recv_exit_status(self) -> int:
        return self.status

    def sendall(self, text: bytes) -> None:
        raise OSError("Socket is closed")

    def get_transport(self) -> Channel:
        return self

    def is_active(self) -> bool:
        return self.active


def read(channel: Channel) -> Batch:
    batch = Batch("f00dfeed", 1, no_listener, no_listener)
    batch.read(cast(paramiko.Channel, channel), deadline_s=1)
    return batch


@pytest.mark.parametrize("active", [True, False], ids=["the other side closed it", "the connection is gone"])
def test_a_channel_that_is_closed_before_its_end_is_a_broken_connection(active: bool) -> None:
    with pytest.raises(OSError, match="the connection broke"):
        read(Channel(closed=True, eof_received=False, active=active))


def test_an_answer_that_is_complete_counts_even_when_the_connection_is_gone() -> None:
    assert read(Channel(closed=True, eof_received=True, active=False, status=3)).code == 3


def test_who_ends_before_it_has_read_its_input_has_said_why() -> None:
    """A sudo that refuses is quicker than a long script."""
    send(cast(paramiko.Channel, Channel(closed=True, eof_received=True, active=True)), b"exit 0")
    with pytest.raises(OSError, match="Socket is closed"):
        send(cast(paramiko.Channel, Channel(closed=True, eof_received=False, active=False)), b"exit 0")
