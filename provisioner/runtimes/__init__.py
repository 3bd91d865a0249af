"""The container runtimes, one file each: what a host needs for it, how images are loaded, how it is reset."""
