"""Same-style product retrieval in JAX: one vector space for photo, title and both."""

__version__ = "0.1.0"
