"""Packages of the bundle: installed, held, changed, and taken up again where an installation was cut off."""

from __future__ import annotations

from dataclasses import replace

from provisioner.core.command import Command, Result
from provisioner.core.resource import Change
from provisioner.sources.bundle import package_database
from provisioner.sources.bundle_access import APT_MIRRORS
from tests.contract.subject import Subject

PACKAGES = ("netbase", "tini")


def test_packages_come_from_the_bundle_and_are_held(subject: Subject) -> None:
    want = subject.packages(*PACKAGES)
    for name in PACKAGES:
        subject.hands.purge(name)
    assert subject.settle(want).startswith(f"install netbase {subject.version('netbase')}, tini ")
    subject.hands.unhold("tini")
    assert subject.settle(want) == "hold tini"
    assert subject.change(package_database(subject.view)) is None


def test_a_version_that_the_bundle_lacks_is_named(subject: Subject) -> None:
    change = subject.change(replace(subject.packages("tini"), desired=(("tini", "0.1"),)))
    assert change
    *results, failed = subject.run(*change.commands)
    assert len(results) == change.commands.index(_installing(change)) == 2
    assert failed.exit_code == 100
    assert "Version '0.1' for 'tini' was not found" in failed.stderr


def _installing(change: Change) -> Command:
    return next(command for command in change.commands if "install" in command.argv)


def test_who_is_at_work_with_the_packages_is_waited_for(subject: Subject) -> None:
    want = subject.packages(*PACKAGES)
    subject.hands.purge("tini")
    subject.hands.occupy_packages(3)
    change = subject.change(want)
    assert change
    assert change.summary.startswith("wait for flock (process ")
    assert subject.change(package_database(subject.view)) is None
    subject.must(*change.commands)
    assert subject.change(want) is None


def test_what_was_cut_off_while_it_was_configured_is_finished(subject: Subject) -> None:
    want = subject.packages(*PACKAGES)
    subject.bring_about(want)
    subject.hands.half_configure("tini")
    assert subject.change(want)
    assert subject.settle(package_database(subject.view)) == "finish the interrupted installation of packages"
    assert subject.change(want) is None


def test_what_was_cut_off_while_it_was_unpacked_is_unpacked_again(subject: Subject) -> None:
    want = subject.packages(*PACKAGES)
    subject.hands.half_install("tini", subject.version("tini"))
    change = subject.change(package_database(subject.view))
    assert change
    assert "-tini half-installed" in change.diff
    subject.settle(package_database(subject.view))
    subject.bring_about(want)
    assert subject.change(want) is None


def test_without_its_source_it_says_what_it_needs(subject: Subject) -> None:
    subject.hands.half_install("tini", subject.version("tini"))
    mirrors = subject.hands.read(APT_MIRRORS)
    subject.hands.remove(APT_MIRRORS)
    result = _repaired(subject)
    subject.hands.put(APT_MIRRORS, mirrors)
    assert not result.ok
    assert "tini" in result.stderr
    subject.settle(package_database(subject.view))


def _repaired(subject: Subject) -> Result:
    change = subject.change(package_database(subject.view))
    assert change
    return subject.run(*change.commands)[-1]
