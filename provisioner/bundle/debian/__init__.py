"""Builds a bundle from Debian's own sources: nothing but a Debian mirror is needed.

`recipe` says what goes in, `mirror` where Debian comes from, `workspace` how a killed build continues,
`root` how commands run in a separate Debian; `source`, `binaries`, `images`, `debs` and `repository` are
the stages, and `build` runs everything.
"""
