"""Other decoders on stored posteriors: run by language.py with a Python that has them.

    PYTHON benchmarks/decoders.py DECODER POSTERIORS.npz [--width 16] [--arpa FILE --alpha X --beta X]

DECODER is `fast-ctc-decode` or `pyctcdecode`. The file holds `characters`, a string, and `line0`, `line1`, ...: natural
log-probabilities (T, C), the blank being class 0. Prints JSON: the version, the texts, and the milliseconds of
processor time each took. Needs numpy and the decoder, nothing of ocrnn; with --arpa kenlm too. Exit status 3 where the
decoder is not installed.

pyctcdecode scores a language model a word at a time. For a model of characters each class is given to it as a word:
written "▁a", as the first piece of a word in the manner of sentencepiece, and the space as "▁<space>".
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np


def main() -> None:
    """Decode every line, print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("decoder", choices=["fast-ctc-decode", "pyctcdecode"])
    parser.add_argument("posteriors")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--arpa")
    parser.add_argument("--alpha", type=float, default=0.5)
    parser.add_argument("--beta", type=float, default=0.0)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    stored = np.load(options.posteriors)
    characters = str(stored["characters"])
    lines = [stored[f"line{number}"] for number in range(len(stored.files) - 1)]
    try:
        version = importlib.metadata.version(options.decoder)
        if options.decoder == "pyctcdecode":
            decode = with_pyctcdecode(characters, options.width, options.arpa, options.alpha, options.beta)
        else:
            decode = with_fast_ctc_decode(characters, options.width)
            lines = [np.exp(line) for line in lines]  # it takes probabilities
    except (ImportError, importlib.metadata.PackageNotFoundError):
        sys.exit(3)
    texts, milliseconds = [], []
    for line in lines:
        start = time.process_time()
        texts.append(decode(line))
        milliseconds.append(1000 * (time.process_time() - start))
    json.dump({"version": version, "texts": texts, "milliseconds": milliseconds}, sys.stdout)


def with_fast_ctc_decode(characters: str, width: int) -> Callable[[Any], str]:
    """Its prefix beam search, with nothing cut."""
    import fast_ctc_decode

    labels = ["", *characters]
    return lambda line: str(fast_ctc_decode.beam_search(line, labels, beam_size=width)[0])


def with_pyctcdecode(characters: str, width: int, arpa: str | None, alpha: float, beta: float) -> Callable[[Any], str]:
    """Its beam search with its own defaults for what it cuts; without a model words are of no matter."""
    import pyctcdecode

    if arpa is None:
        plain = pyctcdecode.build_ctcdecoder(["", *characters])
        return lambda line: str(plain.decode(line, beam_width=width))
    import kenlm  # noqa: F401 - without it pyctcdecode would leave the model out

    # NFC, as the file has them; "▁" itself could not be told from the sign of a beginning.
    labels = ["", *("▁" + ("<space>" if character == " " else character) for character in characters)]
    decoder = pyctcdecode.build_ctcdecoder(labels, arpa, alpha=alpha, beta=beta)

    def decode(line: Any) -> str:
        text = str(decoder.decode(line, beam_width=width))
        return "".join(" " if token == "<space>" else token for token in text.split(" "))

    return decode


if __name__ == "__main__":
    main()
