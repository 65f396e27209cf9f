"""The report of a run: one self-contained page of numbers, curves and results to look at."""
