"""The kinds of things that can be wished for on a host, one kind a file. All of it is pure."""
