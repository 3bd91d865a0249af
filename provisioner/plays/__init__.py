"""The plays: what is desired, part by part, given what is known. All of it is pure."""
