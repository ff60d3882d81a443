from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from ocrnn.model import executors, tiles
from ocrnn.model.executors import OnnxModel
from ocrnn.model.file import header
from ocrnn.model.graph import Graph
from ocrnn.model.quantise import draw_lines
from ocrnn.model.runtime import find

# Lines of /proc/cpuinfo, cut short: an Ice Lake, a Sapphire Rapids, the latter under a hypervisor that hides tiles, one
# with tiles for bf16 alone, and an ARM, which calls them otherwise.
CHIPS = [
    ("flags\t\t: fpu avx512f avx512_vnni amx_tiles\n", False),
    ("flags\t\t: fpu avx512_bf16 amx_bf16 avx512_fp16 amx_tile amx_int8\n", True),
    ("flags\t\t: fpu avx512_bf16 avx512_fp16\n", False),
    ("flags\t\t: fpu amx_tile amx_bf16\n", False),
    ("Features\t: fp asimd bf16\n", False),
    ("", False),
]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, int], None]:
    """Give this machine another chip and so many cores."""

    def change(flags: str, cores: int) -> None:
        lines = "".join(f"processor\t: {number}\n{flags}" for number in range(cores))
        (tmp_path / "cpuinfo").write_text(lines)
        monkeypatch.setattr(tiles, "_CPUINFO", tmp_path / "cpuinfo")
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
        tiles.are_here.cache_clear()

    return change


@pytest.fixture(autouse=True)
def forgotten() -> None:
    tiles.are_here.cache_clear()


@pytest.fixture
def whole(latin: str) -> bytes:
    """The shipped model in eight bits."""
    return find(latin).read_bytes()


def weights(graph: bytes) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Whole weights of each convolution, and their zero points."""
    loaded = onnx.load_from_string(graph)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in loaded.graph.initializer}
    made = {node.output[0]: node for node in loaded.graph.node}
    convolutions = [node for node in loaded.graph.node if node.op_type == "Conv"]
    whole = {node.name: made[node.input[1]].input for node in convolutions}
    return {name: (stored[given[0]], stored[given[2]]) for name, given in whole.items()}


def moved(graph: bytes) -> bytes:
    parts = Graph(graph)
    tiles.move(parts)
    return bytes(parts.content)


def alike(one: bytes, other: bytes) -> bool:
    """Whether they are the same; pytest would take minutes to show where megabytes differ."""
    return one == other


@pytest.mark.parametrize(("flags", "expected"), CHIPS)
def test_a_chip_has_tiles_if_it_says_so(flags: str, expected: bool, machine: Callable[[str, int], None]) -> None:
    machine(flags, 2)
    assert tiles.are_here() is expected


def test_on_one_core_alone_they_are_left(machine: Callable[[str, int], None]) -> None:
    machine(CHIPS[1][0], 1)
    assert not tiles.are_here()


def test_a_system_that_does_not_tell_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tiles, "_CPUINFO", tmp_path / "none")
    assert not tiles.are_here()


def test_wide_convolutions_move_by_one_and_nothing_else(whole: bytes) -> None:
    found = moved(whole)
    before, after = weights(whole), weights(found)
    assert before.keys() == after.keys()
    wide_ones = 0
    for name, (numbers, zeros) in before.items():
        by = int(len(numbers) >= 96)
        wide_ones += by
        assert np.array_equal(after[name][0], numbers + np.int8(by))
        assert np.array_equal(after[name][1], zeros + np.int8(by))
    assert wide_ones == 4
    wide = sum(numbers.size + zeros.size for numbers, zeros in before.values() if len(numbers) >= 96)
    assert len(found) == len(whole) and sum(one != other for one, other in zip(found, whole, strict=True)) == wide


def test_what_has_no_room_and_what_has_moved_already_stays(whole: bytes) -> None:
    assert alike(moved(moved(whole)), moved(whole))
    full = onnx.load_from_string(whole)
    for tensor in full.graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) == 4:
            numbers = numpy_helper.to_array(tensor).copy()
            numbers.flat[0] = 127
            tensor.CopyFrom(numpy_helper.from_array(numbers, tensor.name))
    graph = full.SerializeToString()
    assert alike(moved(graph), graph)


def test_real_numbers_stay(stored: dict[str, Path]) -> None:
    graph = stored[".onnx"].read_bytes()
    assert alike(moved(graph), graph)


@pytest.mark.parametrize("here", [True, False])
def test_a_model_reads_the_same_to_the_bit_with_tiles_and_without(
    latin: str, whole: bytes, monkeypatch: pytest.MonkeyPatch, here: bool
) -> None:
    path, spec = find(latin), header(find(latin))
    monkeypatch.setattr(executors, "fastest", lambda graph: [graph])
    plain = OnnxModel(path, spec, 1)
    monkeypatch.undo()
    asked: list[Graph] = []
    monkeypatch.setattr(tiles, "are_here", lambda: here)

    def watched(graph: Graph, move: Callable[[Graph], None] = tiles.move) -> None:
        asked.append(graph)
        move(graph)

    monkeypatch.setattr(tiles, "move", watched)
    model = OnnxModel(path, spec, 1)
    assert len(asked) == here
    for line in draw_lines(spec.line_format, 4):
        assert np.array_equal(plain.infer(line[None]), model.infer(line[None]))
