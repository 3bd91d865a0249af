"""The network plug-ins, one file each."""
