#!/usr/bin/env python3
"""Make the language that `latin-accurate` brings for its second look: of the texts that the drawn lines say.

usage: language.py --fonts DIR --texts DIR -o latin.lm [-n 900000]

Kinds whose characters follow no language, such as number plates, are left out. `ship.py --language` takes the file.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ocrnn.charset import Charset
from ocrnn.decoding.kneser_ney import estimate
from ocrnn.decoding.packed import pack
from ocrnn.synth.kinds import KINDS
from ocrnn.synth.lines import Synthesizer

_SPEECHLESS = frozenset(("captcha", "plate", "card", "meter"))
_SEED = 77
LEAST = 4
"""Times that an n-gram must be there: 3.2 MB, as good on lines to develop with as the 8 million n-grams of all."""


def lines(synthesizer: Synthesizer, number: int) -> Iterator[str]:
    """Texts of as many lines, the kinds in their shares."""
    rng = np.random.default_rng(_SEED)
    kinds = [kind for kind in KINDS if kind.name not in _SPEECHLESS]
    shares = np.array([kind.share for kind in kinds])
    for _ in range(number):
        yield synthesizer.says(kinds[rng.choice(len(kinds), p=shares / shares.sum())], rng)


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("-n", "--lines", type=int, default=900_000)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    charset = Charset.open("latin")
    synthesizer = Synthesizer(arguments.fonts, arguments.texts, charset)
    model = estimate(lines(synthesizer, arguments.lines), charset=charset, least=LEAST)
    arguments.output.write_bytes(pack(model))
    print(f"{arguments.output}: {len(model.keys)} n-grams, {arguments.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
