"""Files of known host keys for tests: lines of every kind, and copies of them damaged at random."""

from __future__ import annotations

import base64
import hmac
import random
from pathlib import Path

import paramiko

PLACE = Path("/home/me/.ssh/known_hosts")
ED, ED2 = (
    paramiko.Ed25519Key.from_type_string("ssh-ed25519", b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes([n]) * 32)
    for n in (88, 102)
)
RSA = paramiko.RSAKey.generate(1024)
ECDSA = paramiko.ECDSAKey.generate()


def words(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.get_base64()}"


def hashed(name: str, salt: bytes = b"s" * 20) -> str:
    """A name as `ssh-keygen -H` writes it."""
    found = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(found).decode()}"


WHOLE = f"""# the cluster
10.0.0.5 {words(ED)}
[10.0.0.5]:2222,[web.example]:2222 {words(ECDSA)} a comment
*.example,!db.example {words(RSA)}
{hashed("hidden.example")} {words(ED)}
@revoked * {words(ED2)}
@cert-authority *.ca.example {words(ECDSA)}
	Web1	{words(ED)}
fe80::1 {words(ED)}
""".encode()
NAMES = (
    "10.0.0.5", "[10.0.0.5]:2222", "web.example", "db.example", "[web.example]:2222", "hidden.example",
    "a.ca.example", "web1", "fe80::1", "nobody",
)  # fmt: skip
_PIECES = (
    b"\n", b"\r\n", b"\0", b" ", b"\t", b"|1|", b"*", b"!", b",", b"@revoked ", b"@x ", b"=", b"[", b"]", b"\xe9", b"#",
    b"?", b"|1|==|==", b"ssh-ed25519 ", b"AAAA", b"\xef\xbb\xbf",
)  # fmt: skip


def damaged(chance: random.Random) -> bytes:
    """The whole file with a few bytes removed, changed or put in."""
    data = bytearray(WHOLE)
    for _ in range(chance.randint(1, 12)):
        where = chance.randrange(len(data))
        match chance.randrange(4):
            case 0:
                del data[where : where + chance.randint(1, 40)]
            case 1:
                data[where] = chance.randrange(256)
            case 2:
                data[where:where] = chance.choice(_PIECES)
            case _:
                del data[where:]
        if not data:
            break
    return bytes(data)
