"""Retries for a server that hangs up because of too many logins at once (sshd's MaxStartups, 10 by default)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import TypeVar

import paramiko

T = TypeVar("T")
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 8.0
# What paramiko says when the other side has hung up before a login could be tried.
_HUNG_UP = ("Error reading SSH protocol banner", "Negotiation failed", "No existing session", "connection dropped")
_ANSWERED = (paramiko.AuthenticationException, paramiko.BadHostKeyException, paramiko.ChannelException)


def hung_up(error: Exception) -> bool:
    """Whether the other side ended the connection before a login; a refused login or a closed port is an answer."""
    if isinstance(error, _ANSWERED):
        return False
    if isinstance(error, EOFError | ConnectionResetError | ConnectionAbortedError | BrokenPipeError):
        return True
    return isinstance(error, paramiko.SSHException) and any(words in str(error) for words in _HUNG_UP)


def patiently(
    attempt: Callable[[], T],
    deadline_s: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """The result of the attempt, which is retried after longer and longer pauses while the other side hangs up.

    The pauses are random, so that refused clients do not all retry at once. After the deadline the last error is
    raised, and any other error at once.
    """
    until, pause_s = clock() + deadline_s, _FIRST_PAUSE_S
    while True:
        try:
            return attempt()
        except (paramiko.SSHException, OSError, EOFError) as error:
            wait_s = pause_s * secrets.SystemRandom().uniform(0.5, 1.5)
            if not hung_up(error) or clock() + wait_s > until:
                raise
        sleep(wait_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
