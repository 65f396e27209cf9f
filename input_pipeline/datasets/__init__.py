"""Data sets as ArrayRecord, written through TensorFlow Datasets and read back at random.

A built data set is one folder: record files of every split with the listings and their pictures'
bytes, and `listings.parquet`, a catalogue whose `image` column names a record instead of a file.
"""
