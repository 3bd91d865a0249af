"""Where files are kept on this machine: caches, state, logs; and how files are written safely."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

import platformdirs

STATE_VARIABLE = "PROVISIONER_STATE_DIR"


def state_directory() -> Path:
    """Labs and logs; the environment variable PROVISIONER_STATE_DIR overrides the platform's default."""
    override = os.environ.get(STATE_VARIABLE)
    return Path(override).absolute() if override else platformdirs.user_state_path("provisioner")


def labs_directory() -> Path:
    """Each lab has a directory of its name there, with its inventory in it."""
    return state_directory() / "labs"


def cache_directory() -> Path:
    """Bundles and images that can be made again."""
    return platformdirs.user_cache_path("provisioner")


def write_atomic(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Write a file completely or not at all, so that not even a power cut leaves half of it; OSError, with `path` as
    its file name, when it cannot be written.

    A symbolic link is followed: its target is written. An existing device, pipe or other special file is refused and
    not changed. The file is never readable for a user whom `mode`, the umask, or the mode of the replaced file does
    not allow. When this process is killed, at most a hidden file beside it remains.
    """
    data = content.encode() if isinstance(content, str) else content
    try:
        before = _regular(path)
        if not path.is_symlink():
            # A dangling link may point into a file system that is not mounted: do not create its directory.
            path.parent.mkdir(parents=True, exist_ok=True)
        _replace(Path(os.path.realpath(path)), data, mode, before)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_private(path: Path, text: str) -> None:
    """`write_atomic`, for a file that no other user can read at any time."""
    write_atomic(path, text, 0o600)


def _regular(path: Path) -> os.stat_result | None:
    """The status of the existing file, if any; OSError when it is not a regular file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    if not os.access(path, os.W_OK):
        # The directory would let us replace it, but it was made read-only on purpose.
        raise PermissionError(errno.EACCES, "it is read-only")
    return found


def _replace(path: Path, data: bytes, mode: int, before: os.stat_result | None) -> None:
    """Write a file with a unique name beside it, and rename that: two writers do not mix."""
    new = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.provisioner")
    mode = mode & before.st_mode if before else mode
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if before and os.geteuid() == 0:
                # With sudo, a user's file keeps its owner.
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    # The file is in place, also when the file system cannot sync a directory: that is not an error.
    with suppress(OSError):
        _sync(path.parent)


def _sync(directory: Path) -> None:
    """Sync a directory, so that a new name in it survives a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
