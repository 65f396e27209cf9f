"""Nearest-neighbour indexes over exported vectors: ScaNN's trees, or exact search."""
