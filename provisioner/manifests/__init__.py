"""Kubernetes manifests from other authors: fetched, checked, and patched as values."""
