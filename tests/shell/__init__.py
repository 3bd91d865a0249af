"""Batches run by a real sh on this machine, and nothing else."""
