"""Machines to play on, and the inventory they give: containers that behave like freshly installed servers."""
