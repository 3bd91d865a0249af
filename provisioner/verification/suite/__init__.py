"""The checks: each one is a plain pytest function, and its docstring is the check's title in reports."""
