"""What documents promise is there: links, inventories, commands and options, references that are up to date."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from provisioner.bundle.common.manifest import Content, Kind, Manifest
from provisioner.cli.cluster import CHANGES
from provisioner.core.report import Event, HostReport, Report
from provisioner.errors import ProvisionerError
from provisioner.inventory.loader import check
from tests.docs.cli_reference import commands, options
from tests.docs.generate import COMMAND, generated
from tests.docs.markdown import ROOT, Block, anchors, blocks, documents, links, prose

COMMANDS = commands()
YAML = [block for path in documents() for block in blocks(path, "yaml")]
# A cluster to put a block into that shows `cluster:` alone.
REST = {"children": {"control_plane": {"hosts": {"cp1": {"ansible_host": "192.0.2.11"}}}}}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", documents(), ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in links(path):
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors(there), f"{target}: there is no such heading"


@pytest.mark.parametrize("path", documents(), ids=name)
def test_nothing_of_one_machine_alone(path: Path) -> None:
    assert not re.findall(r"/(?:root|work|tmp/h)\b[^\s`]*|/home/(?!admin)\w+", path.read_text())


@pytest.mark.parametrize("block", YAML, ids=str)
def test_yaml_is_an_inventory(block: Block, tmp_path: Path) -> None:
    """A block that shows `cluster:` alone is put into the smallest inventory. The files it names lie beside it."""
    value = yaml.safe_load(block.text)
    (tmp_path / "inventory.yaml").write_text(
        block.text if "all" in value else yaml.safe_dump({"all": {"vars": value, **REST}})
    )
    (tmp_path / "id_ed25519").touch(0o600)
    (tmp_path / "bundle").mkdir()
    cluster, problems = check(tmp_path / "inventory.yaml")
    assert [str(problem) for problem in problems] == []
    assert cluster


def mentioned(path: Path) -> list[list[str]]:
    """Every call of `provisioner` in a document's code, in words, without what it hands on behind `--`."""
    code = [*re.findall(r"`([^`\n]+)`", prose(path)), *(block.text.replace("\\\n", " ") for block in blocks(path))]
    calls = re.findall(r"(?<![\w./-])provisioner(?: +[^\s|;&()<>\"'#]+)+", "\n".join(code))
    return [call.partition(" -- ")[0].split() for call in calls]


def begins_command(words: list[str]) -> str:
    """The longest beginning of a call that is a command, or a group of commands that is named alone; or nothing."""
    beginnings = [" ".join(words[:count]) for count in (3, 2)]
    groups = [name.rpartition(" ")[0] for name in COMMANDS]
    known = [one for one in beginnings if one in COMMANDS or (one in groups and len(words) == len(one.split()))]
    return known[0] if known else ""


@pytest.mark.parametrize("path", [path for path in documents() if mentioned(path)], ids=name)
def test_commands_and_options_exist(path: Path) -> None:
    for words in mentioned(path):
        if words[1].startswith("-") or words[1] == "COMMAND":
            continue
        found = begins_command(words)
        assert found, f"there is no command `{' '.join(words)}`"
        # What is run on a machine has options of its own.
        own = words[:3] if found.endswith(("ssh", "run")) else words
        used = {word for word in own if re.fullmatch(r"--?[a-z][a-z-]*", word)}
        assert found not in COMMANDS or used <= options(COMMANDS[found]), f"{words}: {found} has no such option"


@pytest.mark.parametrize("path", generated(), ids=name)
def test_references_are_up_to_date(path: Path) -> None:
    assert path.read_text() == generated()[path], f"run `{COMMAND}` and look at the difference"


def subclasses(root: type[Any]) -> set[type[Any]]:
    return {root}.union(*(subclasses(below) for below in root.__subclasses__()))


def test_every_exit_code_is_explained() -> None:
    text = (ROOT / "docs/reference/exit-codes.md").read_text()
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    codes = {error.exit_code for error in subclasses(ProvisionerError) if error.__module__.startswith("provisioner")}
    assert told == codes | {0, CHANGES, 130}


@pytest.mark.parametrize("kind", [*get_args(Event), Report, HostReport], ids=lambda kind: kind.__name__)
def test_every_event_is_explained(kind: Any) -> None:
    text = (ROOT / "docs/reference/json.md").read_text()
    event = re.sub(r"(?<!^)([A-Z])", r"_\1", kind.__name__).lower()
    assert kind in (Report, HostReport) or f"`{event}`" in text
    assert all(f"`{field.name}`" in text for field in dataclasses.fields(kind))


def test_the_bundle_is_explained() -> None:
    text = (ROOT / "docs/reference/bundle.md").read_text()
    names = {*Manifest.model_fields, *Content.model_fields, *(kind.value for kind in Kind)}
    assert {word for word in names if f"`{word}`" not in text} == set()


def test_every_test_that_the_threat_model_names_is_there() -> None:
    told = set(re.findall(r"`(test_\w+)`", (ROOT / "docs/explanation/threat-model.md").read_text()))
    files = [*(ROOT / "tests").rglob("test_*.py")]
    tests = "\n".join(path.read_text() for path in files)
    assert told
    assert {name for name in told - {path.stem for path in files} if f"def {name}(" not in tests} == set()


def test_every_fault_is_tried() -> None:
    """Under `fast` by a test that needs no machines, under `real` by one that has them."""
    rows = re.findall(r"^\| .+ \| (.+) \| (.+) \|$", (ROOT / "docs/explanation/faults.md").read_text(), re.MULTILINE)
    told = [(set(re.findall(r"`(test_\w+)`", fast)), set(re.findall(r"`(test_\w+)`", real))) for fast, real in rows]
    files = {path: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    marked = {path for path, text in files.items() if re.search(r"^pytestmark = .*pytest.mark.e2e", text, re.MULTILINE)}
    shared = {path for path in files if "contract" in path.parts} - marked
    names = {path: set(re.findall(r"^def (test_\w+)", text, re.MULTILINE)) for path, text in files.items()}
    by_fast = set().union(*(names[path] for path in files.keys() - marked))
    by_real = set().union(*(names[path] for path in marked | shared))
    assert len(told) > 30
    assert {name for fast, _ in told for name in fast - by_fast} == set()
    assert {name for _, real in told for name in real - by_real} == set()
