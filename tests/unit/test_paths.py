"""Files of this machine: written whole or not at all, through links, for those alone who may read them."""

from __future__ import annotations

import errno
import os
import resource
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from provisioner.paths import write_atomic, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is there."""
    path = tmp_path / "file"
    path.write_text("old")
    return path


def is_whole(path: Path, text: str = "old") -> bool:
    """Whether it has this text, and nothing else lies beside it."""
    return path.read_text() == text and [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_new_file_and_its_directory(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a" / "b" / "file", "grüße")
    assert is_whole(tmp_path / "a" / "b" / "file", "grüße")
    write_atomic(tmp_path / "bytes", b"\xff")
    assert (tmp_path / "bytes").read_bytes() == b"\xff"


def test_an_old_one_is_replaced(path: Path) -> None:
    write_atomic(path, "new")
    assert is_whole(path, "new")


@pytest.mark.parametrize(("asked", "mask", "made"), [(0o644, 0o022, 0o644), (0o644, 0o077, 0o600), (0o600, 0, 0o600)])
def test_the_mode_of_a_new_one_is_what_was_asked_for_less_the_umask(
    tmp_path: Path, asked: int, mask: int, made: int
) -> None:
    with umask(mask):
        write_atomic(tmp_path / "file", "x", asked)
    assert mode(tmp_path / "file") == made


@pytest.mark.parametrize(
    ("before", "asked", "after"), [(0o600, 0o644, 0o600), (0o644, 0o600, 0o600), (0o664, 0o644, 0o644)]
)
def test_nobody_gets_to_read_it_who_could_not_before(path: Path, before: int, asked: int, after: int) -> None:
    path.chmod(before)
    write_atomic(path, "x", asked)
    assert mode(path) == after


def test_a_private_one_is_never_open_even_for_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(os.fstat(descriptor).st_mode))
    with umask(0):
        write_private(tmp_path / "file", "secret")
    assert stat.S_IMODE(seen[0]) == 0o600


def test_what_is_written_is_synced_before_it_has_its_name_and_its_name_after(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    rename = os.replace

    def replace(new: Path, path: Path) -> None:
        order.append("name")
        rename(new, path)

    def sync(descriptor: int) -> None:
        order.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", replace)
    write_atomic(path, "new")
    assert order == ["file", "name", "directory"]


def test_a_directory_that_cannot_be_synced_is_no_failure(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems cannot."""

    def sync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", sync)
    write_atomic(path, "new")
    assert is_whole(path, "new")


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_ctrl_c_at_any_moment_leaves_the_old_one_and_no_half(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, call, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, "new")
    assert is_whole(path)


def test_a_full_disk_leaves_the_old_one_and_no_half(path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="File too large") as error:
            write_atomic(path, "x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.value.filename == str(path)
    assert is_whole(path)


def test_what_cannot_be_text_leaves_the_old_one(path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "new \ud800")
    assert is_whole(path)


@pytest.mark.parametrize("relative", [True, False])
def test_a_link_is_followed_and_stays(tmp_path: Path, path: Path, relative: bool) -> None:
    link = tmp_path / "deep" / "link"
    link.parent.mkdir()
    link.symlink_to("../file" if relative else path)
    write_atomic(link, "new")
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert [entry.name for entry in link.parent.iterdir()] == ["link"]


def test_a_link_of_links(tmp_path: Path, path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("file")
    write_atomic(tmp_path / "a", "new")
    assert path.read_text() == "new"
    assert (tmp_path / "a").is_symlink()
    assert (tmp_path / "b").is_symlink()


def test_a_link_to_a_file_that_is_not_there_makes_it(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    write_atomic(tmp_path / "link", "new")
    assert (tmp_path / "file").read_text() == "new"


def test_a_link_into_a_directory_that_is_not_there_makes_none(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("unmounted/file")
    with pytest.raises(OSError, match="No such file"):
        write_atomic(tmp_path / "link", "new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["link"]


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("link")
    with pytest.raises(OSError, match="symbolic link"):
        write_atomic(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()


def test_a_device_stays_a_device() -> None:
    with pytest.raises(OSError, match="not a regular file") as error:
        write_atomic(Path("/dev/null"), "x")
    assert error.value.filename == "/dev/null"
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_pipe_and_a_directory_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError, match="not a regular file"):
            write_atomic(path, "x")


def test_a_file_that_is_read_only_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write it all the same: so the answer is told here."""
    monkeypatch.setattr(os, "access", lambda path, how: how != os.W_OK)
    with pytest.raises(PermissionError, match="read-only"):
        write_atomic(path, "new")
    assert is_whole(path)


def test_a_directory_that_cannot_be_written(path: Path) -> None:
    with pytest.raises(OSError, match="Not a directory") as error:
        write_atomic(path / "x", "new")
    assert error.value.filename == str(path / "x"), "the name that was asked for, not one of ours"


def test_a_long_name(tmp_path: Path) -> None:
    write_atomic(tmp_path / ("x" * 255), "new")
    assert [len(entry.name) for entry in tmp_path.iterdir()] == [255]


def test_two_writers_at_once_never_mix(path: Path) -> None:
    texts = [str(number) * 100_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: write_atomic(path, text), texts))
    assert path.read_text() in texts
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_with_sudo_a_file_stays_its_users(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owners: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda descriptor, user, group: owners.append((user, group)))
    write_atomic(path, "new")
    assert owners == [(path.stat().st_uid, path.stat().st_gid)]
