"""A console that lets no other text control the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from provisioner.core.untrusted import visible


class Screen(Console):
    """rich's console; characters that a terminal would obey or hide are made visible in every text that is printed.

    Output of hosts is made safe where it is received. This is for text from other places: a JSON value, an inventory
    from elsewhere, the answer of a server. rich itself passes escape sequences on.
    """

    def render_str(self, text: str, **options: Any) -> Text:
        """Every text that is printed, also in a table, passes through here."""
        return super().render_str(visible(text), **options)
