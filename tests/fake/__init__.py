"""Simulated machines in memory, behind the transport protocol: plain data, and what our commands do to it."""
