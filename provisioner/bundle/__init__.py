"""The offline bundle: everything a cluster's machines install, in one directory that needs no network.

`manifest` is the format, `reading` opens and checks a bundle, `serve` hands it to a node over a connection,
`image_archive` writes container images, and `debian` builds a bundle from Debian's sources.
"""
