"""ONNX Runtime in eight bits beside OpenVINO in real numbers: what each gets wrong, and lines/s on one core.

    python benchmarks/runtimes.py --sets DIR [--set NAME]... [-m MODEL] [--rounds 3] [--differences FILE] [--save]
    python benchmarks/runtimes.py --sets DIR --device cuda

DIR/SET holds labelled lines, which are read once, without a second look. OpenVINO reads in float32 and in bf16, the
latter on any chip: what it gets wrong is much the same without AMX, what it takes is not. It gets its best: the network
as it was before it was put into eight bits, and no shape of lines is compiled twice. Lines are decoded before; times
are those of the processor, so that other programs weigh little; the runtimes take turns within each round, the first
rate is of the first round, in which OpenVINO compiles, the second the median of the others. FILE gets each line that
they do not read alike: set, path, truth and what each read, TAB between them.

With --device a GPU stands in OpenVINO's place, both read on all cores, and times are those of the clock.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import numpy.typing as npt
import record
from accuracy import METRICS

from ocrnn.bench.rounds import in_rounds
from ocrnn.data.labels import read_labels
from ocrnn.image import Grey
from ocrnn.metrics import score
from ocrnn.model.device import PROVIDERS
from ocrnn.model.runtime import executor, find, open_model
from ocrnn.reading import Reading
from ocrnn.transcribe.reader import Reader


def main() -> None:
    """Read every set, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="folder of sets, each a folder of labelled lines")
    parser.add_argument("--set", action="append", dest="names", help="default: all of them")
    parser.add_argument("-m", "--model", help="default: the shipped model")
    parser.add_argument("--device", choices=PROVIDERS, help="put this GPU in OpenVINO's place")
    parser.add_argument("--rounds", type=int, default=3, help="2 or more")
    parser.add_argument("--differences", type=Path, metavar="FILE")
    parser.add_argument("--save", action="store_true", help="keep the figures and put the table into its page")
    options = parser.parse_args()
    names = options.names or sorted(path.name for path in options.sets.iterdir() if path.is_dir())
    if options.save:
        record.refuse_part(options.device or "runtimes", names)
    cv2.setNumThreads(1)
    graph = find(options.model)
    if options.device:
        clock, of = time.perf_counter, "of all cores"
        readers = {executor(graph, device): Reader.open(graph, device=device) for device in ("cpu", options.device)}
    else:
        clock, of = time.process_time, "of one core"
        readers = {
            executor(graph, "cpu"): Reader(open_model(graph, threads=1, device="cpu"), jobs=1),
            "OpenVINO, float32": Reader(OpenVino(find(options.model, ".safetensors"), "f32"), jobs=1),
            "OpenVINO, bf16": Reader(OpenVino(find(options.model, ".safetensors"), "bf16"), jobs=1),
        }
    readers = {engine: reader.at_first_look() for engine, reader in readers.items()}
    figures: dict[str, Any] = {"amx": has_amx(), "rounds": options.rounds, "sets": {}}
    rows, differences = [], []
    for name in names:
        samples = read_labels(options.sets / name).samples
        greys = [sample.load() for sample in samples]
        rounds = in_rounds(
            {engine: partial(read, reader, greys, clock) for engine, reader in readers.items()}, options.rounds
        )
        texts = {engine: own[0][0] for engine, own in rounds.items()}
        truth = [sample.text for sample in samples]
        first = next(iter(texts.values()))
        found = {
            engine: {
                "error": getattr(score(own, truth), METRICS.get(name, "cer")),
                "otherwise": sum(one != other for one, other in zip(own, first, strict=True)),
                "first_lines_per_s": len(greys) / rounds[engine][0][1],
                "lines_per_s": statistics.median(len(greys) / seconds for _, seconds in rounds[engine][1:]),
            }
            for engine, own in texts.items()
        }
        figures["sets"][name] = {"lines": len(greys), "engines": found}
        differences += [
            "\t".join((name, str(sample.image), sample.text, *read))
            for sample, *read in zip(samples, *texts.values(), strict=True)
            if len(set(read)) > 1
        ]
        told = list(found.values())
        rows.append(
            [
                name,
                str(len(greys)),
                *(f"{100 * each['error']:.2f}" for each in told),
                *(str(each["otherwise"]) for each in told[1:]),
                *(f"{each['first_lines_per_s']:.0f}, {each['lines_per_s']:.0f}" for each in told),
            ]
        )
        print(" ".join(rows[-1]), flush=True)
    head = [
        "set",
        "lines",
        *(f"wrong, %: {engine}" for engine in readers),
        *(f"lines read otherwise: {engine}" for engine in list(readers)[1:]),
        *(f"lines/s {of}, first and later: {engine}" for engine in readers),
    ]
    if options.differences:
        options.differences.write_text("".join(f"{line}\n" for line in differences), encoding="utf-8")
    record.publish(options.device or "runtimes", figures, record.table(head, rows), save=options.save)


class OpenVino:
    """A model as OpenVINO executes it on one core, in these numbers ("f32", "bf16")."""

    def __init__(self, weights: Path, numbers: str) -> None:
        import openvino

        from ocrnn.model.export import build_graph
        from ocrnn.model.weights import load_weights

        network, self.spec = load_weights(weights)
        core = openvino.Core()
        compiled = core.compile_model(
            core.read_model(build_graph(network, self.spec).SerializeToString()),
            "CPU",
            {"INFERENCE_PRECISION_HINT": numbers, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1},
        )
        self._request = compiled.create_infer_request()

    def infer(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Log-probabilities (T, N, C) of prepared lines (N, 1, H, W)."""
        log_probs: npt.NDArray[np.float32] = self._request.infer([images], share_inputs=True)[0]
        return log_probs


def has_amx() -> bool:
    """Whether the processor multiplies bf16 in tiles, which Linux alone tells."""
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.exists() and {"amx_tile", "amx_bf16"} <= set(cpuinfo.read_text(encoding="ascii").split())


def read(reader: Reader, greys: list[Grey], clock: Callable[[], float]) -> tuple[list[str], float]:
    """The text of each line, none where it cannot be read, and the seconds that took by some clock."""
    start = clock()
    outcomes = [result.outcome for result in reader.read_many(greys)]
    seconds = clock() - start
    return [outcome.text if isinstance(outcome, Reading) else "" for outcome in outcomes], seconds


if __name__ == "__main__":
    main()
