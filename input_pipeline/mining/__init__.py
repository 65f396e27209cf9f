"""From a click log to same-style pairs, by rules that every engine runs alike.

Two listings that shoppers clicked under the same query are evidence for the same product when both
are relevant to that query and share a category; evidence under several distinct queries makes a
pair. The rules are one set of Ibis expressions, so the engine can change and they cannot.
"""

from input_pipeline.mining.miner import mine
from input_pipeline.mining.result import MinedPairs, read_pairs, write_pairs
from input_pipeline.mining.warehouse import pairs_sql

__all__ = ["MinedPairs", "mine", "pairs_sql", "read_pairs", "write_pairs"]
