"""Real, signed apt repositories in each layout that upstream has, for machines of the lab to install from.

What is in them has upstream's names, version strings, relations and file layout, and is made of Debian's packages
and of the bundle's: `packages` says what, `keys` and `layouts` sign and lay out, `distribution` brings what every
Debian has, `site` puts all of it into one directory, and `server` hands it out, well or badly.
"""
