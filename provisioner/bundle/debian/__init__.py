"""Builds a bundle from Debian's own sources: nothing but a Debian mirror is needed.

`recipe` says what goes in, `mirror` where Debian comes from, `workspace` how a build that was killed goes on,
`root` how commands run in a Debian of their own; `source`, `programs`, `images`, `debs` and `repository` are
the stages, and `build` is the whole.
"""
