"""The documentation as something to test: read, generated where it can be, and run."""
