"""The references that are generated from the code: `python -m tests.docs.generate` rewrites them."""

from __future__ import annotations

from pathlib import Path

from tests.docs import cli_reference, inventory_reference
from tests.docs.markdown import ROOT

COMMAND = "python -m tests.docs.generate"
_NOTICE = f"<!-- Made by `{COMMAND}`: change the code it is made from, and run that. -->\n\n"


def generated() -> dict[Path, str]:
    """Every generated document with the text it should have."""
    reference = ROOT / "docs" / "reference"
    return {
        reference / "cli.md": _NOTICE + cli_reference.text(),
        reference / "inventory.md": _NOTICE + inventory_reference.text(),
    }


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text)
