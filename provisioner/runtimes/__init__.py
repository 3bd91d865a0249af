"""The container runtimes, one file each: what a host needs for it, how images get into it, how it is reset."""
