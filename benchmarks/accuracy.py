"""Error on each set of a folder of sets, beside Tesseract where it is installed, and RapidOCR: the README's table.

    python benchmarks/accuracy.py --sets DIR [-m MODEL]... [--rapidocr PYTHON] [--predictions DIR] [--save]

DIR/SET holds labelled lines in any form that `ocrnn train` takes. Each set is judged by one metric, a field of
`ocrnn.metrics.Score`: `cer` unless METRICS below or --metric SET=FIELD says otherwise. Predictions are written as
DIR/ENGINE/SET.tsv, path TAB text. Tesseract is given the better of `eng` and what --language SET=LANG names.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import record
import tesseract

from ocrnn.bench.engines import RapidOcr
from ocrnn.data.labels import Sample, read_labels
from ocrnn.evaluation.score import read_samples
from ocrnn.metrics import Score, score
from ocrnn.model.runtime import shipped
from ocrnn.transcribe.reader import Reader

METRICS = {
    "forms": "cer_spaceless",  # labels with stray spaces
    "receipts": "cer_caseless",  # labels upper-cased by their makers
    "scene-words": "cer_caseless",
    "web-words": "alnum_error",  # labels without punctuation
    "plates": "alnum_error",
    "bankcard": "alnum_error",
}
"""Sets whose labels allow no other judgement than this."""
LANGUAGES = {
    "print-fr-18c": "fra",
    "typewriter": "fra",
    "handwriting": "fra",
    "print-es-19c": "spa",
    "fraktur-19c": "frk",
}
"""Tesseract's data for sets that are not in English."""
WORDS = {
    "cer": "characters",
    "cer_raw": "characters, raw",
    "cer_caseless": "characters, case folded",
    "cer_spaceless": "characters, no spaces",
    "wer": "words",
    "alnum_error": "words, letters and digits",
}


def main() -> None:
    """Read every set, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="folder of sets, each a folder of labelled lines")
    parser.add_argument("--set", action="append", dest="names", help="only this set; may be given again")
    parser.add_argument("-m", "--model", action="append", dest="models", help="default: each shipped model")
    parser.add_argument("--decoder", choices=["greedy", "beam"], default="greedy")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--metric", action="append", default=[], metavar="SET=FIELD", help="judge a set by this")
    parser.add_argument("--language", action="append", default=[], metavar="SET=LANG", help="a set's Tesseract data")
    parser.add_argument("--no-tesseract", action="store_true", help="leave it out though it is installed")
    parser.add_argument("--rapidocr", metavar="PYTHON", help="Python that has RapidOCR")
    parser.add_argument("--predictions", type=Path, help="where readings go, for another scorer or another look")
    parser.add_argument("--save", action="store_true", help="keep the figures and put the table into the README")
    options = parser.parse_args()
    names = options.names or sorted(path.name for path in options.sets.iterdir() if path.is_dir())
    if options.save:
        record.refuse_part("accuracy", names)
    metrics = METRICS | dict(pair.split("=", 1) for pair in options.metric)
    languages = LANGUAGES | dict(pair.split("=", 1) for pair in options.language)

    beside = tesseract.installed() and not options.no_tesseract
    engines: dict[str, Callable[[Sequence[Sample], str], Sequence[str]]] = {
        Path(model).stem: by_ocrnn(Reader.open(model, decoder=options.decoder, threads=options.threads))
        for model in options.models or shipped()
    }
    figures: dict[str, Any] = {"decoder": options.decoder, "sets": {}}
    if beside:
        figures["tesseract"] = tesseract.version()
        engines[f"Tesseract {figures['tesseract']}"] = lambda samples, name: by_tesseract(
            samples, ("eng", *([languages[name]] if name in languages else [])), metrics.get(name, "cer")
        )
    if options.rapidocr:
        rapidocr = RapidOcr(options.rapidocr)
        engines[rapidocr.name] = lambda samples, name: by_rapidocr(rapidocr, samples)
    rows = []
    for name in names:
        samples = read_labels(options.sets / name).samples
        metric = metrics.get(name, "cer")
        scores = {}
        for engine, read in engines.items():
            start = time.perf_counter()
            readings = read(samples, name)
            seconds = time.perf_counter() - start
            scores[engine] = score(readings, [sample.text for sample in samples])
            write(options.predictions, engine, name, samples, readings)
            print(f"{name}: {engine} {100 * rate(scores[engine], metric):.2f} %, {seconds:.0f} s", flush=True)
        figures["sets"][name] = {"metric": metric, **{engine: dataclasses.asdict(s) for engine, s in scores.items()}}
        shown = [rate(found, metric) for found in scores.values()]
        marks = ["**" if len(shown) > 1 and value == min(shown) else "" for value in shown]
        cells = [f"{mark}{100 * value:.2f}{mark}" for mark, value in zip(marks, shown, strict=True)]
        rows.append([name, str(len(samples)), WORDS.get(metric, metric), *cells])
    shown_table = record.table(["set", "lines", "wrong, in %, of", *engines], rows)
    record.publish("accuracy", figures, shown_table, save=options.save)


def rate(found: Score, metric: str) -> float:
    """One figure of a score by its name."""
    return float(getattr(found, metric))


def by_ocrnn(reader: Reader) -> Callable[[Sequence[Sample], str], Sequence[str]]:
    """What reads samples with one of our models."""
    return lambda samples, _: [line.reading for line in read_samples(samples, reader)]


def by_tesseract(samples: Sequence[Sample], languages: Sequence[str], metric: str) -> Sequence[str]:
    """Readings of the language that does best by a metric."""
    pictures = [tesseract.opened(sample.image) for sample in samples]
    texts = [sample.text for sample in samples]
    tries = [[*map(tesseract.Tesseract(language).read, pictures)] for language in languages]
    return min(tries, key=lambda readings: rate(score(readings, texts), metric))


def by_rapidocr(engine: RapidOcr, samples: Sequence[Sample]) -> Sequence[str]:
    """Readings of RapidOCR's recognition, in a process of its own."""
    with tempfile.TemporaryDirectory() as place:
        (command, *_), environment = engine.folder([sample.image for sample in samples], 1, Path(place))[0]
        done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    lines = (line.split("\t") for line in done.stdout.splitlines())
    read = {path: " ".join(" ".join(texts).split()) for path, *texts in lines}
    return [read[str(sample.image)] for sample in samples]


def write(folder: Path | None, engine: str, name: str, samples: Sequence[Sample], readings: Sequence[str]) -> None:
    """Write readings as FOLDER/ENGINE/SET.tsv, where a folder was given."""
    if folder is not None:
        place = folder / engine
        place.mkdir(parents=True, exist_ok=True)
        lines = (f"{sample.name}\t{reading}\n" for sample, reading in zip(samples, readings, strict=True))
        (place / f"{name}.tsv").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
