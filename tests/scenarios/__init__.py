"""Whole runs on simulated machines."""
