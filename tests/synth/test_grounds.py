from __future__ import annotations

import numpy as np

from ocrnn.synth.grounds import _beyond


def test_beyond_the_edge_of_a_sign_lies_a_part_of_its_box() -> None:
    shares = [_beyond((40, 120), np.random.default_rng(seed)).mean() for seed in range(200)]
    assert 0.02 < np.mean(shares) < 0.4
    assert max(shares) < 0.9, "a sign is left"
