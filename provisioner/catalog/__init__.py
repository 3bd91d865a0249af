"""Versions and compatibility as data, each row with its source."""
