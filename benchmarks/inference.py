"""What the network alone costs: milliseconds of one core for a line, by width and batch, and where they go.

    python benchmarks/inference.py [-m MODEL]... [--width 128 400 1200] [--batch 1 8] [--rounds 5] [--operators]

Each MODEL is a shipped model or an .onnx; without any, `latin` and what `ocrnn export latin --int8` makes of it. Lines
are drawn by the package. Times are those of the processor, not of the clock, so that other programs on the machine
weigh little; models take turns within each round and a figure is the median of the rounds. With --operators a second
table shows the share of each kind of operator, as ONNX Runtime's profiler times it, in the last width and batch.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import record

from ocrnn.image import LineFormat
from ocrnn.model.executors import Model
from ocrnn.model.quantise import draw_lines, quantise
from ocrnn.model.runtime import find, header, open_model

Images = npt.NDArray[np.float32]
_SPENT = 0.1  # seconds that a model reads in each round, at least


def main() -> None:
    """Time every width and batch, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", action="append", dest="models", help="may be given again")
    parser.add_argument("--width", type=int, nargs="+", default=[128, 400, 1200], help="columns of the prepared line")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8], help="lines read together")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--operators", action="store_true", help="show where the time goes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = {str(name): find(name) for name in options.models or ["latin"]}
        if not options.models:
            paths["latin, int8"] = _whole(paths["latin"], Path(folder, "whole.onnx"))
        models = {name: open_model(path, threads=1, device="cpu") for name, path in paths.items()}
        line_format = next(iter(models.values())).spec.line_format
        rows = []
        for width in options.width:
            for batch in options.batch:
                found = timed(models, images(line_format, batch, width), options.rounds)
                as_is = next(iter(found.values()))
                cells = [f"{value:.2f}" for value in found.values()]
                ratios = [f"{as_is / value:.2f}" for value in list(found.values())[1:]]
                rows.append([f"{batch} of {width} px", *cells, *ratios])
        head = ["lines, ms of one core for each", *models, *(f"{name}, times as fast" for name in list(models)[1:])]
        print(record.table(head, rows))
        if options.operators:
            lines = images(line_format, options.batch[-1], options.width[-1])
            costs = {name: operators(path, lines, Path(folder)) for name, path in paths.items()}
            first = next(iter(costs.values()))
            kinds = sorted({kind for cost in costs.values() for kind in cost}, key=lambda kind: -first[kind])
            shares = [[kind, *(f"{100 * cost[kind] / cost.total():.1f}" for cost in costs.values())] for kind in kinds]
            print("\n" + record.table(["operator, % of the time", *costs], shares))


def images(line_format: LineFormat, count: int, width: int) -> Images:
    """Drawn lines (N, 1, H, W), each laid end to end with others and cut at W."""
    drawn = iter(draw_lines(line_format, 16 + count * width // 100))
    lines = []
    for _ in range(count):
        parts = [next(drawn)]
        while sum(part.shape[2] for part in parts) < width:
            parts.append(next(drawn))
        lines.append(np.concatenate(parts, axis=2)[:, :, :width])
    return np.ascontiguousarray(np.stack(lines))


def timed(models: dict[str, Model], lines: Images, rounds: int) -> dict[str, float]:
    """Milliseconds of processor time for each line, median of the rounds; the first passes do not count."""
    spent: dict[str, list[float]] = {name: [] for name in models}
    for model in models.values():
        model.infer(lines)
    for number in range(rounds):
        for name in list(models) if number % 2 == 0 else reversed(list(models)):
            start, passes = time.process_time(), 0
            while time.process_time() - start < _SPENT or not passes:
                models[name].infer(lines)
                passes += 1
            spent[name].append(1e3 * (time.process_time() - start) / passes / len(lines))
    return {name: statistics.median(values) for name, values in spent.items()}


def operators(path: Path, lines: Images, folder: Path, passes: int = 20) -> Counter[str]:
    """Microseconds of each kind of operator: for each node its fastest of all passes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    batch = lines[:1] if session.get_inputs()[0].shape[0] == 1 else lines
    for _ in range(passes):
        session.run(["log_probs"], {"images": batch})
    return by_kind(json.loads(Path(session.end_profiling()).read_text(encoding="utf-8")))


def by_kind(events: Sequence[dict[str, Any]]) -> Counter[str]:
    """Sum over the nodes of each kind of their shortest run, from the events of a profile."""
    fastest: dict[tuple[str, str], int] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            node = (event["args"]["op_name"], event["name"])
            fastest[node] = min(event["dur"], fastest.get(node, event["dur"]))
    kinds: Counter[str] = Counter()
    for (kind, _), microseconds in fastest.items():
        kinds[kind] += microseconds
    return kinds


def _whole(path: Path, place: Path) -> Path:
    """The same model in whole numbers."""
    place.write_bytes(quantise(onnx.load(path), draw_lines(header(path).line_format)).SerializeToString())
    return place


if __name__ == "__main__":
    main()
