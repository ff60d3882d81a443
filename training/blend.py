#!/usr/bin/env python3
"""Blend the weights of two runs, the later of which went on from the earlier one.

usage: blend.py EARLIER.safetensors LATER.safetensors SHARE -o BLEND.safetensors

Each weight is (1 - SHARE) times the earlier and SHARE times the later one: runs of one descent lie in one valley, and
between them it is often lower than at either end (Wortsman et al. 2022, arXiv 2203.05482).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from ocrnn.model.weights import load_weights, save_weights


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("earlier", type=Path)
    parser.add_argument("later", type=Path)
    parser.add_argument("share", type=float)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    network, spec = load_weights(arguments.earlier)
    other, other_spec = load_weights(arguments.later)
    assert (other_spec.charset, other_spec.architecture) == (spec.charset, spec.architecture)
    theirs = other.state_dict()
    with torch.no_grad():
        for name, weight in network.state_dict().items():
            if weight.is_floating_point():  # steps that a norm has seen are counted whole
                weight.lerp_(theirs[name], arguments.share)
    save_weights(arguments.output, network, spec)


if __name__ == "__main__":
    main()
