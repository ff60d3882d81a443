"""What a language model is worth, and other decoders with the same one on the same posteriors.

    python benchmarks/language.py --sets DIR --text FILE [--set NAME]... [--peers PYTHON] [--rounds 3] [--save]

DIR/SET holds labelled lines of the language that FILE, running text, is in. A model of its characters is made, and each
set is read by the beam without it and with it; the interval of the difference is that of the paired bootstrap by line.
A line of the sets that stands in the text ends the run: the model must not know what it is judged by.

PYTHON is an interpreter that has fast-ctc-decode, or pyctcdecode and kenlm (their numpy may be an older one); without
it there is no second table. All get the same posteriors, in which classes of one folded character (s and ſ, ' and ’)
are one beforehand, the same ARPA file and the same width of the beam, and run one after another in each round, on one
core. A time is the median over the lines, a ratio the median of those of the rounds. The weights of both sides are
the best of a few on lines to train with (--weight, --alpha, --beta), not on these sets.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt
import record

from ocrnn.charset import Charset
from ocrnn.data.labels import Sample, read_labels
from ocrnn.decoding.arpa import arpa, read_arpa
from ocrnn.decoding.beam import beam_search
from ocrnn.decoding.guide import Guide
from ocrnn.decoding.kneser_ney import estimate
from ocrnn.decoding.language import WEIGHT, Language
from ocrnn.evaluation.compare import Comparison, compare
from ocrnn.evaluation.score import ReadSample
from ocrnn.metrics import distance, fold
from ocrnn.transcribe.reader import Reader

SETS = ("typewriter", "print-fr-18c")
WIDTH = 16
ALPHA, BETA = 0.3, 0.9
"""Of pyctcdecode: the weight of the language, and the bonus for a word, here a character."""
_TELLING = 20  # characters of a line that would hardly stand in a text by chance

Posteriors = list[npt.NDArray[np.float32]]


def main() -> None:
    """Read every set in every way, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="folder of sets, each a folder of labelled lines")
    parser.add_argument("--set", action="append", dest="names", help=f"default: {', '.join(SETS)}")
    parser.add_argument("--text", type=Path, required=True, help="text of the sets' language, UTF-8")
    parser.add_argument("-m", "--model", help="default: the shipped model")
    parser.add_argument("--order", type=int, default=6)
    parser.add_argument("--weight", type=float, default=WEIGHT, help="default: %(default)s")
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter that has the other decoders")
    parser.add_argument("--alpha", type=float, default=ALPHA)
    parser.add_argument("--beta", type=float, default=BETA)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--step", type=int, default=1, help="every so many-th line only")
    parser.add_argument(
        "--save", action="store_true", help="keep the figures and put the tables into benchmarks/README.md"
    )
    options = parser.parse_args()
    if options.save:
        record.refuse_part("language", options.names or SETS)

    lines = options.text.read_text(encoding="utf-8").splitlines()
    text = fold(" ".join(lines))
    figures: dict[str, Any] = {"text": options.text.name, "order": options.order, "weight": options.weight, "sets": {}}
    gains, others = [], []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "language.arpa")
        file.write_bytes(b"".join(arpa(estimate(lines, options.order))))
        language = read_arpa(file)
        reader = Reader.open(options.model, threads=1)
        for name in options.names or SETS:
            samples = read_labels(options.sets / name).samples[:: options.step]
            seen = [s.text for s in samples if len(fold(s.text)) >= _TELLING and fold(s.text) in text]
            if seen:
                raise SystemExit(f"{name}: {len(seen)} lines stand in the text, such as {seen[0]!r}; take another text")
            posteriors = [reader.posteriors(sample) for sample in samples]
            charset = reader.model.spec.charset
            ways: dict[str, Guide | None] = {"free": None, "lm": Language(language, charset, options.weight)}
            texts = {way: decode(posteriors, charset, guide)[0] for way, guide in ways.items()}
            gain = compare(read(samples, texts["free"]), read(samples, texts["lm"]))
            figures["sets"][name] = {"lines": len(samples), "cer": vars(gain.cer), "wer": vars(gain.wer)}
            gains.append([name, str(len(samples)), *cells(gain)])
            print(*gains[-1], flush=True)
            if options.peers:
                figures["sets"][name]["decoders"] = peers = side_by_side(samples, posteriors, charset, file, options)
                others += [[name, *row] for row in rows(peers)]
                for row in others[-len(peers) :]:
                    print(*row, flush=True)
    wrong = [f"{what} wrong, %" for what in ("characters", "words")]
    head = ["set", "lines", *(cell for what in wrong for cell in (what, "with the language", "difference, 95 %"))]
    record.publish("language", figures, record.table(head, gains), save=options.save)
    if others:
        head = ["set", "decoder", "characters wrong, %", "less ours, 95 %", "ms a line", "times ours"]
        record.publish("decoders", figures, record.table(head, others), save=options.save)


def decode(posteriors: Posteriors, charset: Charset, guide: Guide | None) -> tuple[list[str], list[float]]:
    """Texts by our beam, and the milliseconds of processor time for each."""
    texts, milliseconds = [], []
    for line in posteriors:
        start = time.process_time()
        found = beam_search(line, WIDTH, best=1, guide=guide)
        texts.append(charset.decode(found[0].classes) if found else "")
        milliseconds.append(1000 * (time.process_time() - start))
    return texts, milliseconds


def side_by_side(
    samples: Sequence[Sample], posteriors: Posteriors, charset: Charset, file: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Every decoder without and with the language, on posteriors by folded character; ours first of each kind."""
    merged, folded = merge(posteriors, charset)
    stored = file.with_suffix(".npz")
    arrays: dict[str, Any] = {f"line{n}": line for n, line in enumerate(merged)}
    np.savez(stored, characters=np.array(folded.characters), **arrays)
    kenlm = ["--arpa", str(file), "--alpha", str(options.alpha), "--beta", str(options.beta)]
    found: dict[str, list[tuple[list[str], list[float]]]] = {}
    for _ in range(options.rounds):
        # What is cached from the round before would be of use to nobody who reads new lines.
        guide = Language(read_arpa(file), folded, options.weight)
        runs: dict[str, Callable[[], tuple[list[str], list[float]] | None]] = {
            "ocrnn": lambda: decode(merged, folded, None),
            "fast-ctc-decode": lambda: peer(options.peers, "fast-ctc-decode", stored, []),
            "pyctcdecode": lambda: peer(options.peers, "pyctcdecode", stored, []),
            "ocrnn, language": partial(decode, merged, folded, guide),
            "pyctcdecode, language": lambda: peer(options.peers, "pyctcdecode", stored, kenlm),
        }
        for name, run in runs.items():
            if (result := run()) is not None:
                found.setdefault(name, []).append(result)
    figures = {}
    for name, rounds in found.items():
        ours = found["ocrnn, language" if name.endswith("language") else "ocrnn"]
        difference = compare(read(samples, ours[0][0]), read(samples, rounds[0][0])).cer
        figures[name] = {
            "cer": difference.second,
            "difference": [difference.gap, difference.low, difference.high],
            "milliseconds": statistics.median(statistics.median(times) for _, times in rounds),
            "ratio": statistics.median(sum(a) / sum(b) for (_, a), (_, b) in zip(rounds, ours, strict=True)),
        }
    return figures


def merge(posteriors: Posteriors, charset: Charset) -> tuple[Posteriors, Charset]:
    """Posteriors with classes that fold to the same character summed, and the charset of what they are folded to."""
    folds = [(c, fold(c) or " ") for c in charset.characters]
    names = [other if len(other) == 1 else c for c, other in folds]
    folded = Charset("".join(dict.fromkeys(names)))
    numbers = np.array([0, *folded.encode("".join(names))])
    merged = []
    for line in posteriors:
        sums = np.zeros((len(line), folded.classes))
        np.add.at(sums.T, numbers, np.exp(line.astype(np.float64)).T)
        merged.append(np.log(np.maximum(sums, np.finfo(np.float32).tiny)).astype(np.float32))
    return merged, folded


def peer(python: str, decoder: str, stored: Path, more: Sequence[str]) -> tuple[list[str], list[float]] | None:
    """Texts and milliseconds of another decoder; None, and a word about it, where it is not installed."""
    command = [python, str(Path(__file__).with_name("decoders.py")), decoder, str(stored), "--width", str(WIDTH), *more]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, encoding="utf-8")
    if result.returncode == 3:
        print(f"{decoder}: not installed in {python}; pip install 'numpy<2' {decoder}" + " kenlm" * bool(more))
        return None
    if result.returncode:
        raise SystemExit(f"{decoder}: ended with {result.returncode}")
    output = json.loads(result.stdout)
    return output["texts"], output["milliseconds"]


def read(samples: Sequence[Sample], texts: Sequence[str]) -> list[ReadSample]:
    """What some way of decoding made of labelled lines."""
    return [
        ReadSample(sample.name, sample.text, text, 1.0, distance(fold(text), fold(sample.text)))
        for sample, text in zip(samples, texts, strict=True)
    ]


def cells(gain: Comparison) -> list[str]:
    """Both error rates in per cent, before and after, with the interval of their difference."""
    shown = []
    for rate in (gain.cer, gain.wer):
        shown += [
            f"{100 * rate.first:.2f}",
            f"{100 * rate.second:.2f}",
            f"{100 * rate.low:+.2f} to {100 * rate.high:+.2f}",
        ]
    return shown


def rows(figures: dict[str, Any]) -> list[list[str]]:
    """Rows of the second table."""
    return [
        [
            name,
            f"{100 * found['cer']:.2f}",
            "" if name.startswith("ocrnn") else "{1:+.2f} to {2:+.2f}".format(*(100 * x for x in found["difference"])),
            f"{found['milliseconds']:.1f}",
            "" if name.startswith("ocrnn") else f"{found['ratio']:.1f}",
        ]
        for name, found in figures.items()
    ]


if __name__ == "__main__":
    main()
