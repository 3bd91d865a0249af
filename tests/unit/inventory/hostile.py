"""Inventories that nobody should write: good ones damaged at random, and pieces that have broken readers before."""

from __future__ import annotations

import random
from collections.abc import Iterator

INI = """\
[control_plane]
cp1 ansible_host=10.0.0.11 node_ip=10.0.0.11
[workers]
w[1:3]:2222 node_labels="{'disk': 'ssd'}"
[all:vars]
cluster={'kubernetes_version': '1.20.2', 'name': 'x'}
"""
YAML = """\
all:
  vars: &v
    ansible_user: debian
    cluster:
      kubernetes_version: 1.20.2
      pod_cidr: 10.244.0.0/16
      network: {type: flannel, backend: vxlan}
      ssh: {jump_host: gate}
control_plane:
  hosts:
    cp1: {ansible_host: 10.0.0.11, node_ip: 10.0.0.11}
workers:
  vars:
    <<: *v
  hosts:
    w[1:3]:2222:
      node_labels: {disk: ssd}
      node_taints: ["dedicated=db:NoSchedule"]
"""
JSON = """\
{"all": {"vars": {"cluster": {"kubernetes_version": "1.20.2"}, "x": [1, 2.5, null, true]},
 "children": {"control_plane": {"hosts": {"cp1": {"ansible_port": 22}}}, "workers": {"hosts": {"w1": null}}}}}
"""
STARTS = {"ini": INI, "yaml": YAML, "json": JSON}

PIECES = (
    "[", "]", "{", "}", ": ", ":", "- ", "? ", "| \n", "> \n", "&a ", "*a", "*v", "<<: ", "!!set ", "!!omap ",
    "!!pairs ", "!!binary ", "!!int ", "!!bool ", "!!timestamp ", "!!float ", "!!python/object:os.system ",
    "!vault ", "!x ", "!!str ", "!!map ", "!!seq ", "!!null ", "%YAML 9.9\n---\n", "%TAG ! tag:x,2000:\n---\n",
    "---\n", "...\n", "\t", "\r", "\0", "\x1b[31m", "\x85", "\u2028", "\ufeff", "\u202e", "\\ud800",
    '"\\ud800"', '"\\x00"', "\U0001f600", "é", "'", '"', "`", "@", "{{ x }}", "{% x %}", "2021-99-99",
    "2021-01-01", "0001-01-01T00:00:00+23:59", "1e999999", "1.0e+999999", ".inf", ".nan", "-.inf",
    "0x" + "f" * 5000, "9" * 5000, "1" + ":1" * 3000, "1:1" * 40 + ".5", "0b1", "0o17", "1_000", "~", "null",
    "yes", "[1:5000]", "[1:99999999999]", "[a:z][a:z][a:z]", "[1:5000][1:5000]", "[0001:10]", "[:]", "[1:2:0]",
    "[²:³]", "[" * 300, "{" * 300, "(" * 300, "-" * 3000, "- " * 300, "1+" * 3000, "lambda: 0", "b'\\xff'",
    "1j", "...", "{1: {2}}", "{[]: 1}", "{(1, 2): 3}", "'a' 'b'", "f'{x}'", "x" * 70_000, "[" * 70_000,
    "[x:children]\n", "[x:vars]\n", "[x y]\n", "[all:children]\nall\n", "a=b=c", "=", "#", ";", "\\",
    "children:", "hosts:", "vars:", "cluster:", "_meta", "plugin: x", "all", "ungrouped",
    "ansible_group_priority=x", "__ansible_vault", "$ANSIBLE_VAULT;1.1;AES256\n",
)  # fmt: skip


def damaged(seed: int, number: int) -> Iterator[tuple[str, bytes]]:
    """`number` files, each as its ending and its bytes; the same ones for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - to repeat it, not to keep a secret
    for _ in range(number):
        kind = dice.choice(tuple(STARTS))
        text = STARTS[kind]
        for _ in range(dice.randint(1, 4)):
            text = _worse(text, dice)
        data = text.encode()
        if dice.random() < 0.05:
            place = dice.randrange(len(data) + 1)
            data = data[:place] + dice.randbytes(dice.randint(1, 4)) + data[place:]
        yield dice.choice((kind, kind, kind, "yaml", "ini", "")), data


def _worse(text: str, dice: random.Random) -> str:
    """A piece more, a piece less, a word replaced, or two lines exchanged."""
    place = dice.randrange(len(text) + 1)
    match dice.randrange(5):
        case 0:
            return text[:place] + dice.choice(PIECES) + text[place:]
        case 1:
            return text[:place] + text[place + dice.randint(1, 20) :]
        case 2:
            words = text.split(" ")
            words[dice.randrange(len(words))] = dice.choice(PIECES)
            return " ".join(words)
        case 3:
            lines = text.splitlines(keepends=True) or [""]
            lines.insert(dice.randrange(len(lines)), dice.choice(lines))
            return "".join(lines)
        case _:
            after = text.find(": ", place) + 2 or text.find("=", place) + 1
            return text[:after] + dice.choice(PIECES) + text[after:]
