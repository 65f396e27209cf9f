"""A trained encoder as a folder that other programs load."""
