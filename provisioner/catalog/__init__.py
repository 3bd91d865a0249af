"""Versions and compatibility as data, each row with its source: releases, runtimes, package sources, distributions.

Rows are written down here and nowhere else; the rules about them are in `rules`. Nothing in this directory computes
more than a look-up.
"""
