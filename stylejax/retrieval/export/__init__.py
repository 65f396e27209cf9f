"""Export jobs: a catalogue to vectors on disk, shard by shard.

A shard that is done stays done: killed at any point and started again, an export does the others
anew, and ends with the bytes that it would have had.
"""
