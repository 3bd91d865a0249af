"""Rendered files and whole plans as text."""
