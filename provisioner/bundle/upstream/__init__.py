"""The offline bundle from the places where its parts are published: Kubernetes' and Docker's repositories, the
distribution's archive, and a registry of images; each of them can be a mirror.

`request` says what is asked for, `apt` and `repositories` fetch packages with apt itself, `web` and `registry` fetch
images, `images` makes the one of our own, `signing` and `assembly` write the bundle, and `build` runs everything.
`answering` only checks whether upstream answers.
"""
