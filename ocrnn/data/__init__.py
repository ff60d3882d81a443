"""Where lines come from: label files in every common form, splits, and the check before training."""
