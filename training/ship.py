#!/usr/bin/env python3
"""Put a trained model into the package with its card: weights to train on, and eight bits to read with.

usage: ship.py BEST.safetensors latin --calibrate DIR [--lines OTHER.safetensors] [--words WORDS.safetensors]
               [--accurate LARGER.safetensors --language latin.lm]
       ship.py BEST.safetensors latin --calibrate DIR --keep latin-accurate.onnx [--words WORDS.safetensors]
               [--also OTHER.safetensors]
       ship.py OLD.safetensors historical --calibrate DIR

The card is `NAME.json` beside this file: data, licence, weaknesses; `card.py` adds the scores once they are measured.
--calibrate fits the confidence on labelled lines that the model has not learned from, 5,000 of them or more (`ocrnn
synth -n 5000` with another seed), once for the weights and once for the eight bits, and for either file to read with
once more on those that it looks at again. --lines gives it another network for second looks at lines, --words one for
words. --accurate also writes NAME-accurate.onnx: the same weights in real numbers, which look again at whatever they
are not sure of, together with the other networks and a larger one, and know then the language that `language.py` made.
With --keep both files are made of what a model has already, but for --words where that is given; --also adds one more
network for lines.
"""

from __future__ import annotations

import argparse
import base64
import dataclasses
import json
import os
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from onnx import ModelProto

from ocrnn.data.labels import Sample, read_labels
from ocrnn.data.lines import evenly
from ocrnn.evaluation.calibration import Calibration, calibrate
from ocrnn.model import file
from ocrnn.model.executors import OnnxModel, TorchModel
from ocrnn.model.export import build_graph, calibrated, describe, save_graph
from ocrnn.model.network import Network
from ocrnn.model.quantise import draw_lines, quantise
from ocrnn.model.runtime import open_model
from ocrnn.model.weights import load_weights, save_weights
from ocrnn.spec import ModelSpec
from ocrnn.training.confidence import second_look
from ocrnn.transcribe.views import is_word

HERE = Path(__file__).parent
MODELS = HERE.parent / "ocrnn" / "models"
_Network = tuple[str, bytes]
"""What another network knows, "lines", "words" or "both", and the file to read with that it is."""
_LINES = 5000
WORD_DOUBT = 0.5
"""Words below this are looked at again: one of 50 on receipts, one of 25 on forms, half of those on signs; with
the lines of `LINE_DOUBT` receipts take a tenth and forms a sixth more time."""
WORD_DOUBT_ALONE = 0.15
"""The same of the weights, which have no other networks beside them to settle what is in doubt: every view is read."""
LINE_DOUBT = 1e-6
"""Any line below this is looked at again: one of 770 of print, which is cut in half, three of 1,000 of receipts and
forms, two of three of hands."""
DOUBT = 0.85
"""Of the real lines of thirteen sets that were read surer than this, 92 % were right."""
LANGUAGE_WEIGHT = 0.45
"""Between 0.3 and 0.6 the development sets as a whole are read about as well; beyond, hands and codes less well."""


def main() -> None:
    """Read the command line and write the two files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("name")
    parser.add_argument("--calibrate", type=Path, required=True)
    parser.add_argument("--lines", type=Path)
    parser.add_argument("--words", type=Path)
    parser.add_argument("--accurate", type=Path)
    parser.add_argument("--language", type=Path)
    parser.add_argument("--also", type=Path, help="one more network for lines, beside those that --keep keeps")
    parser.add_argument("--keep", type=Path, metavar="MODEL", help="take other networks and language from this model")
    arguments = parser.parse_args()
    if (arguments.accurate is None) != (arguments.language is None):
        parser.error("--accurate and --language belong together")
    if arguments.keep and (arguments.lines or arguments.accurate):
        parser.error("--keep stands for --lines, --accurate and --language")
    if arguments.also and not arguments.keep:
        parser.error("--also goes with --keep; a first network for lines is --lines")
    network, spec = load_weights(arguments.weights)
    card = json.loads((HERE / f"{arguments.name}.json").read_text(encoding="utf-8"))
    about = {"name": arguments.name, "date": date.today().isoformat(), **card}
    spec = dataclasses.replace(spec, about=about, doubt=LINE_DOUBT, word_doubt=WORD_DOUBT)
    lines = read_labels(arguments.calibrate).samples
    given = {"lines": arguments.lines, "words": arguments.words, "both": arguments.accurate}
    beside = [(knows, _further(path, spec, lines, knows)) for knows, path in given.items() if path]
    language = base64.b64encode(arguments.language.read_bytes()).decode() if arguments.language else ""
    if arguments.keep:
        beside = _replaced(((_knows(its.spec), its.content()) for its in file.further(arguments.keep, spec)), beside)
        language = file.header(arguments.keep).language
    if arguments.also:
        added = ("lines", _further(arguments.also, spec, lines, "lines"))
        beside = _in_order([*beside, added])
    fitted = calibrate(TorchModel(network, spec), lines, most=_LINES)
    spec = _calibrated(spec, fitted)
    if language:
        name = f"{arguments.name}-accurate"
        careful = dataclasses.replace(
            spec,
            doubt=DOUBT,
            word_doubt=DOUBT,
            language=language,
            language_weight=LANGUAGE_WEIGHT,
            about={**spec.about, "name": name},
        )
        everything = [content for _, content in beside]
        _save(build_graph(network, careful), careful, lines, MODELS / f"{name}.onnx", everything)
    graph, fitted = _eight_bits(network, spec, lines)
    further = [content for knows, content in beside if knows != "both"]
    _save(graph, _calibrated(spec, fitted), lines, MODELS / f"{arguments.name}.onnx", further)
    alone = TorchModel(network, dataclasses.replace(spec, word_doubt=WORD_DOUBT_ALONE))
    save_weights(
        MODELS / f"{arguments.name}.safetensors", network, _with_powers(alone, lines, arguments.name), halves=True
    )


def _replaced(kept: Iterable[_Network], given: Sequence[_Network]) -> list[_Network]:
    """Networks that a model has, all of a kind left out where one is given: those for lines, for words, for both."""
    kinds = {knows for knows, _ in given}
    return _in_order([*(each for each in kept if each[0] not in kinds), *given])


def _in_order(networks: Iterable[_Network]) -> list[_Network]:
    """Those for lines first, then those for words, then those for both."""
    order = ("lines", "words", "both")
    return sorted(networks, key=lambda each: order.index(each[0]))


def _further(weights: Path, own: ModelSpec, lines: Sequence[Sample], knows: str) -> bytes:
    """Another network for second looks, as the file to read with that it would be: whoever brings it tells the rest."""
    network, spec = load_weights(weights)
    if spec.charset != own.charset:
        raise SystemExit(f"{weights}: reads other characters; give weights of the same charset")
    doubt, word_doubt = (0.0 if knows == "words" else DOUBT), (0.0 if knows == "lines" else DOUBT)
    spec = dataclasses.replace(spec, about={}, doubt=doubt, word_doubt=word_doubt)
    fit_on = [line for line in lines if is_word(*line.load().shape)] if knows == "words" else lines
    if not fit_on:
        raise SystemExit(f"{weights}: none of the lines of --calibrate is short enough for a word; give more")
    graph, fitted = _eight_bits(network, spec, fit_on)
    describe(graph, dataclasses.replace(spec, temperature=fitted.temperature))
    return bytes(calibrated(graph).SerializeToString(deterministic=True))


def _knows(spec: ModelSpec) -> str:
    return "both" if spec.doubt and spec.word_doubt else "lines" if spec.doubt else "words"


def _eight_bits(network: Network, spec: ModelSpec, lines: Sequence[Sample]) -> tuple[ModelProto, Calibration]:
    """The network in eight bits, and how sure it is: twice as fast, as the lab book has it, and not as sure."""
    graph = quantise(build_graph(network, spec), draw_lines(spec.line_format))
    with TemporaryDirectory() as folder:
        save_graph(graph, Path(folder) / "eight.onnx")
        return graph, calibrate(open_model(Path(folder) / "eight.onnx", device="cpu"), lines, most=_LINES)


def _save(graph: ModelProto, spec: ModelSpec, lines: Sequence[Sample], path: Path, further: Sequence[bytes]) -> None:
    """Write a model to read with, its temperature inside, and the powers of its second look fitted."""
    describe(graph, spec, further=further)
    graph = calibrated(graph)
    save_graph(graph, path)
    model = open_model(path, device="cpu")
    assert isinstance(model, OnnxModel)
    describe(graph, _with_powers(model, lines, path.name))
    save_graph(graph, path)


def _with_powers(model: OnnxModel | TorchModel, lines: Sequence[Sample], name: str) -> ModelSpec:
    """A model's spec with the powers of its second look, whatever they were."""
    model.spec = dataclasses.replace(model.spec, again_power=1.0, word_power=1.0)
    told, again = second_look(model, lines, most=_LINES // 2, jobs=os.cpu_count() or 1)
    count, powers = len(evenly(lines, _LINES // 2)), f"{told.again_power}, of words {told.word_power}"
    print(f"{name}: {again} of {count} lines looked at again, powers {powers}")
    return told


def _calibrated(spec: ModelSpec, fitted: Calibration) -> ModelSpec:
    about = {**spec.about, "calibration": fitted.told()}
    return dataclasses.replace(spec, about=about, temperature=fitted.temperature)


if __name__ == "__main__":
    main()
