"""Everything before the accelerator: catalogue, click log, mining, and tf.data batches of pairs."""
