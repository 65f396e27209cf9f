"""One file a claim: each runs ours and a peer in one go and prints both."""
