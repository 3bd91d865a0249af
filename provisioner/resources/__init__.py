"""The kinds of resources of a host, one kind per file. All of it is pure."""
