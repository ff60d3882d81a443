"""What learning and reading on a GPU must do; skipped where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from ocrnn.cli.main import program
from ocrnn.data.labels import Sample
from ocrnn.model.network import Network
from ocrnn.model.runtime import open_model
from ocrnn.spec import ModelSpec
from ocrnn.training.batches import Batch, batches
from ocrnn.training.plans import permuted
from ocrnn.training.precision import Arithmetic
from ocrnn.training.sources import RealLines
from ocrnn.training.step import Learner

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
    pytest.mark.filterwarnings("ignore::UserWarning"),  # torch says of its watch over waits that it is a prototype
]


@pytest.fixture
def without_gpu() -> None:
    """Leave it there, for once."""


@pytest.fixture
def some(many_digits: list[Sample], spec: ModelSpec) -> list[Batch]:
    plan = permuted(RealLines(many_digits, None), 0, 1, least=1)
    return [batch for batch, _ in batches(plan, spec, columns=800, seed=0, epoch=1)]


@pytest.fixture
def exact() -> Iterator[None]:
    """Products of matrices in 32 bits, which convolutions on a GPU round to 19 unless told."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


def losses(spec: ModelSpec, some: list[Batch], precision: Arithmetic) -> list[float]:
    torch.manual_seed(1)
    learner = Learner(Network(spec.architecture, spec.charset.classes), precision=precision)
    assert learner.team.device.type == "cuda"
    return [float(learner.learn(batch, 3e-3, step)[0]) for step, batch in enumerate(some)]


def test_no_step_waits_for_the_gpu(some: list[Batch], spec: ModelSpec) -> None:
    learner = Learner(Network(spec.architecture, spec.charset.classes), precision="bf16")
    learner.learn(some[0], 1e-3, 0)  # kernels are loaded and moments made once
    torch.cuda.set_sync_debug_mode("error")
    try:
        results = [learner.learn(batch, 1e-3, step) for step, batch in enumerate(some[1:4], 1)]
        with pytest.raises(RuntimeError, match="synchronizing"):
            results[0].tolist()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(sound == 1 for _, sound in torch.stack(results).tolist())


@pytest.mark.usefixtures("exact")
def test_a_gpu_learns_what_a_processor_does(
    some: list[Batch], spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_gpu, in_sixteen_bits = losses(spec, some[:10], "fp32"), losses(spec, some[:10], "bf16")
    monkeypatch.setattr("ocrnn.training.distributed._device", lambda _: torch.device("cpu"))
    torch.manual_seed(1)
    learner = Learner(Network(spec.architecture, spec.charset.classes), precision="fp32")
    on_cpu = [float(learner.learn(batch, 3e-3, step)[0]) for step, batch in enumerate(some[:10])]
    assert on_gpu == pytest.approx(on_cpu, rel=5e-3)
    assert in_sixteen_bits == pytest.approx(on_cpu, rel=5e-2)
    assert on_cpu[-1] < on_cpu[0]


def test_a_folder_is_learned_on_a_gpu_and_read_alike_on_both(short_lines: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = ["--epochs", "2", "--out", str(out), "--seed", "3"]
    asked = CliRunner().invoke(program, ["train", "--data", str(short_lines), *options], catch_exceptions=False)
    assert asked.exit_code == 0, asked.output
    weights = next(out.rglob("best.safetensors"))
    rng = np.random.default_rng(0)
    spec = open_model(weights).spec
    lines = rng.random((5, 1, spec.line_format.height, 10 * spec.line_format.width_step)).astype(np.float32)
    one, other = (open_model(weights, device=device).infer(lines) for device in ("cuda", "cpu"))
    assert np.abs(np.exp(one) - np.exp(other)).max() < 2e-3
