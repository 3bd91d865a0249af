"""A terminal that obeys us alone."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from provisioner.core.untrusted import visible


class Screen(Console):
    """rich's console; what a terminal would obey or hide is written out in every text that is printed.

    Machines' words come in through doors that do the same. This is for those that come another way: in a value of
    JSON, in an inventory from elsewhere, from a server. rich itself passes escape sequences on.
    """

    def render_str(self, text: str, **options: Any) -> Text:
        """Every text that is printed, also in a table, comes through here."""
        return super().render_str(visible(text), **options)
