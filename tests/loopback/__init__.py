"""Tests that speak to servers of their own on this machine's loopback, and to nothing else."""
