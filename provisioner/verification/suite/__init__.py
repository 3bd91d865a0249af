"""The checks: each is a plain pytest function whose docstring is what a report calls it."""
