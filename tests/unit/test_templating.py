"""What stands in a file is what was to be there: with hostile values in every place of every template, either the file
is refused, or its own reader finds exactly the value, and nothing else.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
import yaml
from jinja2 import meta, nodes

from provisioner import templating
from provisioner.core.untrusted import visible
from provisioner.errors import UsageError
from provisioner.templating import render
from tests.conftest import Tally
from tests.hostile import CONTEXTS, HOSTILE, PLACE, placed, put

NAMES = sorted(path.relative_to(templating.path("")).as_posix() for path in templating.path("").rglob("*.j2"))


def test_every_template_is_tried_with_every_value_that_it_prints() -> None:
    assert sorted(CONTEXTS) == NAMES
    for name in NAMES:
        tree = jinja2.Environment(autoescape=True, extensions=[]).parse(_without_filters(name))
        assert meta.find_undeclared_variables(tree) <= CONTEXTS[name].keys(), name
        used = {(one.node.name, one.attr) for one in tree.find_all(nodes.Getattr) if isinstance(one.node, nodes.Name)}
        missing = [f"{base}.{attr}" for base, attr in used if not _has(CONTEXTS[name].get(base), attr)]
        assert missing == [], name


def _without_filters(name: str) -> str:
    return re.sub(r"\| (field|fields|in_quotes)\b", "", templating.path(name).read_text())


def _has(value: object, attr: str) -> bool:
    return value is None or isinstance(value, dict) or hasattr(value, attr)


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_value_is_refused_or_stands_where_it_was_put_and_is_nothing_else(name: str, tally: Tally) -> None:
    read = next((reader for end, reader in READERS.items() if name.endswith(end)), _lines)
    # kubeadm's other versions differ from the newest by a few lines.
    texts = HOSTILE[::6] if "v1beta2" in name or "v1beta3" in name else HOSTILE
    tried = 0
    for context in placed(CONTEXTS[name]):
        usual = read(render(name, **context))
        for text in texts:
            tried += 1
            rendered = _unless_refused(name, put(context, text))
            if rendered is not None:
                assert read is not _lines or not re.search(r"[\s\"'\\$`]", text), "it would be more than a word"
                assert read(rendered) == put(usual, visible(text) if name.endswith(".html.j2") else text), text
    tally("hostile inputs tried", tried)


def _unless_refused(name: str, context: Mapping[str, Any]) -> str | None:
    try:
        return render(name, **context)
    except UsageError as error:
        return None if error.message.isprintable() and "cannot be written" in error.message else str(error)


def _lines(text: str) -> list[list[str]]:
    """A file that is read line by line and word by word."""
    return [line.split(" ") for line in text.split("\n")]


def _variables(text: str) -> list[list[str]]:
    """Variables in quotes, as a shell and systemd read them."""
    pairs = re.findall(r'^(\w+)="((?:[^"\\$`\n]|\\[\\"$`])*)"$', text, flags=re.MULTILINE)
    assert len(pairs) == text.count("\n") - 1
    return [[name, re.sub(r'\\([\\"$`])', r"\1", value)] for name, value in pairs]


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[object] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append([tag, *([name, value or ""] for name, value in attrs)])

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)

    def handle_data(self, data: str) -> None:
        self.found.append(data)


READERS: dict[str, Callable[[str], Any]] = {
    ".yaml.j2": lambda text: list(yaml.load_all(text, yaml.CSafeLoader)),
    ".conflist.j2": json.loads,
    ".html.j2": lambda text: _Page(text).found,
    ".sh.j2": lambda text: shlex.split(text, comments=True),
    "environment.j2": _variables,
}


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_shell_script_is_more_than_one_word(text: str) -> None:
    """Whether a template's author has thought of it or not: `echo {{ value }}` is safe."""
    script = _rendered("x.sh.j2", "echo {{ value }}", text)
    assert script in (None, f"echo {text}", f"echo '{text}'")
    assert script is None or re.fullmatch(r"echo ([A-Za-z0-9_.:/@=,+-]+|'[A-Za-z0-9_.:/@=,+~*-]*')", script)


@pytest.mark.parametrize("name", ["x.sh.j2", "x.service.j2", "x.conf.j2", "x.default.j2"])
@pytest.mark.parametrize("text", [text for text in HOSTILE if not text.isprintable()])
def test_what_a_terminal_would_obey_is_in_no_file(name: str, text: str) -> None:
    assert _rendered(name, "{{ value }}", text) is None


def test_a_value_that_is_missing_is_our_own_mistake() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("network/bridge/10-bridge.conflist.j2", mtu=1500)


def test_the_author_is_told_where_to_look() -> None:
    with pytest.raises(UsageError) as error:
        render("kubernetes/kubelet.default.j2", arguments=["--v=$(reboot)"])
    assert 'a value cannot be written into kubernetes/kubelet.default: "--v=$(reboot)" is not' in error.value.message
    assert "inventory" in error.value.hint


def _rendered(name: str, text: str, value: str) -> str | None:
    """A template that is not one of ours, in the kind of file that its name says; None when the value is refused."""
    kind = templating.kind(name)
    try:
        return templating.environment(kind).from_string(text).render(value=value)
    except ValueError:
        return None


def test_numbers_and_what_is_true_stay_what_they_are_in_yaml() -> None:
    components = list(yaml.safe_load_all(render("kubeadm/components.yaml.j2", settings=SimpleNamespace(nested=True))))
    assert components[0]["failSwapOn"] is False
    assert PLACE not in str(components)


def test_what_is_made_once_for_all_machines_is_what_each_would_have_got() -> None:
    """True equals 1, and a list cannot be looked up: none of them gets another's file."""
    name = "machine/modules.conf.j2"
    for modules in (("overlay",), (True,), (1,), ("1",), ("True",), ["overlay"], ("overlay",)):
        assert render(name, modules=modules) == templating._rendered(name, {"modules": modules})
