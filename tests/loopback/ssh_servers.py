"""SSH servers on loopback: they let in every client with a key, connect on to where it asks, and record it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import paramiko
from paramiko.common import AUTH_SUCCESSFUL, OPEN_FAILED_CONNECT_FAILED, OPEN_SUCCEEDED


@dataclass
class Gate(paramiko.ServerInterface):
    """A jump host, or a machine behind one: what it was asked for, in order."""

    asked: list[object] = field(default_factory=list)
    transport: paramiko.Transport | None = None

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.asked.append(f"login of {username}")
        return AUTH_SUCCESSFUL

    def check_channel_direct_tcpip_request(self, chanid: int, origin: object, destination: tuple[str, int]) -> int:
        self.asked.append(destination)
        try:
            there = socket.create_connection(destination)
        except OSError:
            return OPEN_FAILED_CONNECT_FAILED
        threading.Thread(target=self._join, args=(there,), daemon=True).start()
        return OPEN_SUCCEEDED

    def _join(self, there: socket.socket) -> None:
        assert self.transport
        channel = self.transport.accept(10)
        assert channel
        for one, other in ((there, channel), (channel, there)):
            threading.Thread(target=_carry, args=(one, other), daemon=True).start()


def _carry(one: socket.socket | paramiko.Channel, other: socket.socket | paramiko.Channel) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    # Closing a channel sends a message, and the client may have hung up already.
    with suppress(OSError, EOFError):
        other.close()


@dataclass(frozen=True)
class Server:
    """One that listens: its port, its keys, and what it was asked."""

    port: int
    keys: Sequence[paramiko.PKey]
    asked: list[object]

    @property
    def known(self) -> str:
        """Its lines of a file of known hosts."""
        return "".join(line(self.port, key) for key in self.keys)


def line(port: int, key: paramiko.PKey) -> str:
    """A line of a file of known hosts for a server on loopback."""
    return f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n"


@contextmanager
def server(*keys: paramiko.PKey) -> Iterator[Server]:
    """A server with these host keys, or with one that is made for it."""
    shown = keys or (paramiko.ECDSAKey.generate(),)
    asked: list[object] = []
    open_ones: list[paramiko.Transport] = []

    def accept(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                transport = paramiko.Transport(listening.accept()[0])
                open_ones.append(transport)
                for key in shown:
                    transport.add_server_key(key)
                # When a client hangs up early (a key that is refused, `trust`), others are still let in.
                with suppress(paramiko.SSHException, EOFError, OSError):
                    transport.start_server(server=Gate(asked, transport))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept, args=(listening,), daemon=True)
        thread.start()
        yield Server(listening.getsockname()[1], shown, asked)
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()
    for transport in open_ones:
        transport.close()
