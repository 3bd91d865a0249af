"""Kubernetes objects that others have written: fetched and checked, and patched as values."""
