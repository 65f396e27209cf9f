"""Duplicates: groups of listings of one product over a whole catalogue, with a known precision."""
