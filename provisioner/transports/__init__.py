"""Connections to hosts. Only this package knows SSH."""
