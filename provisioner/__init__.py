"""Turns machines into Kubernetes clusters with kubeadm."""

__version__ = "0.1.0"
