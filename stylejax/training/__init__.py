"""Training: mesh, optimizer, step, checkpoints and the loop that joins them."""
