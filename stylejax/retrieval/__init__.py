"""After training: vectors, indexes, search, evaluation and the report."""
