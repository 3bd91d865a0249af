"""The plays: what is wished for, part by part, given what is known. All of it is pure."""
