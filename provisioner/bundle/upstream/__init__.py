"""The offline bundle from where its parts are published: Kubernetes' and Docker's repositories, the distribution's
archive, and a registry of images; each of them can be a mirror.

`request` says what is asked for, `apt` and `repositories` bring packages by apt itself, `web` and `registry` bring
images, `probe` makes the one of our own, `signing` and `assembly` write the bundle, and `build` is the whole.
`answering` only asks whether anybody is there.
"""
