"""Teaching a network: batches, the loop, checkpoints."""
