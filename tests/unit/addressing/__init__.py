"""The network decision."""
