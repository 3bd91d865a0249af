"""Machines to try things on, and their inventory: containers that behave like freshly installed servers."""
