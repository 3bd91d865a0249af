"""A machine under test: spoken to through its transport, as the engine does, and arranged by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from provisioner.bundle.common.manifest import Kind
from provisioner.core.command import Command, Result
from provisioner.core.resource import Change, Resource
from provisioner.resources.packages import Packages
from provisioner.sources.bundle_access import repository
from provisioner.transports.protocol import Transport
from provisioner.world.cluster import read_cluster
from provisioner.world.facts import look, read_facts, read_state, read_told
from provisioner.world.look import Section
from provisioner.world.view import View
from tests.builders import changed
from tests.contract.hands import Hands
from tests.fake.packages import REPOSITORY

HOST = "cp1"


@dataclass
class Subject:
    """One machine; `view` is what is known of it, as of the last look."""

    view: View
    transport: Transport
    hands: Hands

    def run(self, *commands: Command) -> tuple[Result, ...]:
        return self.transport.run(commands)

    def look(self, *asked: Section) -> View:
        """Ask it what it is and how far it is, and other questions too."""
        (seen,) = self.run(look(leader=True, asked=asked))
        assert seen.ok, seen
        told = {(HOST, name): text for name, text in read_told(seen, asked).items()}
        facts, states = {HOST: read_facts(seen)}, {HOST: read_state(seen)}
        self.view = changed(self.view, facts=facts, states=states, live=read_cluster(seen), told=told)
        return self.view

    def change(self, want: Resource, *changed: str) -> Change | None:
        """What is to be done; looking never fails and leaves no trace."""
        (seen,) = self.transport.run([want.probe()], stop=False)
        assert seen.exit_code in want.probe().accepts, seen
        return want.diff(seen, set(changed))

    def settle(self, want: Resource) -> str:
        """Make it so, twice (each command may be repeated), and find nothing left; returns the summary."""
        change = self.change(want)
        assert change, f"{want.key} is as desired already"
        for _ in range(2):
            self.must(*change.commands)
        assert self.change(want) is None
        return change.summary

    def bring_about(self, *wants: Resource) -> None:
        """What the engine does: one resource after the other, as each is found then."""
        for want in wants:
            change = self.change(want)
            self.must(*(change.commands if change else ()))

    def must(self, *commands: Command) -> None:
        """None of them fails."""
        results = self.transport.run(commands, alone=True)
        assert [result for result in results if not result.ok] == []
        assert len(results) == len(commands)

    def now(self) -> datetime:
        """Its own time."""
        return datetime.fromtimestamp(self.look().observed.facts[HOST].clock_s, UTC)

    def packages(self, *names: str) -> Packages:
        """Packages of the bundle, whose repository is made known to the machine."""
        source = repository(self.view)
        self.bring_about(*source.files)
        return Packages("test", tuple((name, self.version(name)) for name in names), source.options)

    def version(self, package: str) -> str:
        """The version in the bundle."""
        assert self.view.materials.bundle
        known = {one.name: one.version for one in self.view.materials.bundle.of_kind(Kind.PACKAGE)}
        return known.get(package) or REPOSITORY[package]
