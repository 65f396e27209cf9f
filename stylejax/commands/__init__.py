"""One file a verb: its options and the stages it joins."""
