"""Versions and compatibility as data, each row with its source: releases, runtimes, package sources, distributions.

Rows are written down here and nowhere else; the rules over them are in `rules`. Nothing in this folder computes more
than a look-up.
"""
