"""The offline bundle: everything that a cluster's hosts install, in one directory that needs no network.

`manifest` is the format, `reading` opens and checks a bundle, `serve` serves it to a host over a connection,
`image_archive` writes container images, and `debian` builds a bundle from Debian's sources.
"""
