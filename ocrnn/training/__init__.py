"""Teaching a network: batches, the loop, checkpoints."""

import os

# Apple's GPUs lack operators that torch then computes on the processor; it looks here once, when it is imported.
os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
