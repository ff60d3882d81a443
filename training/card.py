#!/usr/bin/env python3
"""Write the error that was measured of a shipped model into its card, and what the card beside this file now says.

usage: card.py NAME RESULTS.json

RESULTS is what `benchmarks/accuracy.py --save` stored, of this very model. Nothing else of the model changes. The card
of NAME-accurate is that of NAME.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import onnx

from ocrnn.model.export import describe, save_graph
from ocrnn.model.runtime import find, header
from ocrnn.model.weights import load_weights, save_weights
from ocrnn.spec import ModelSpec

HERE = Path(__file__).parent
_OF_THE_FILE = ("name", "date", "calibration")


def main() -> None:
    """Read the command line and write the card into every file of that name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("results", type=Path)
    arguments = parser.parse_args()
    card = json.loads((HERE / f"{arguments.name.removesuffix('-accurate')}.json").read_text(encoding="utf-8"))
    told = {
        **card,
        "scores": scores(json.loads(arguments.results.read_text(encoding="utf-8"))["figures"]["sets"], arguments.name),
    }
    graph_file = find(arguments.name)
    graph = onnx.load(graph_file)
    spec = header(graph_file)
    describe(graph, dataclasses.replace(spec, about=_about(spec, told)))
    save_graph(graph, graph_file)
    weights_file = graph_file.with_suffix(".safetensors")
    if weights_file.exists():
        network, spec = load_weights(weights_file)
        save_weights(weights_file, network, dataclasses.replace(spec, about=_about(spec, told)), halves=True)


def _about(spec: ModelSpec, told: dict[str, Any]) -> dict[str, Any]:
    """What the card and the scores say, after what `ship.py` said of this file alone."""
    return {**{heading: said for heading, said in spec.about.items() if heading in _OF_THE_FILE}, **told}


def scores(sets: dict[str, dict[str, Any]], model: str) -> dict[str, str]:
    """Headline figure of a model on each set, with its interval where it is a CER."""
    told = {}
    for name, entry in sets.items():
        score, metric = entry[model], entry["metric"]
        interval = f" ({100 * score['cer_low']:.2f}-{100 * score['cer_high']:.2f})" if metric == "cer" else ""
        told[name] = f"{100 * score[metric]:.2f} % {metric}{interval}, {score['lines']} lines"
    return told


if __name__ == "__main__":
    main()
