import dataclasses
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from ocrnn.data.labels import Sample
from ocrnn.model.network import Network
from ocrnn.spec import ModelSpec
from ocrnn.training.batches import Batch, batches
from ocrnn.training.distributed import Place, Team
from ocrnn.training.plans import permuted
from ocrnn.training.sources import RealLines
from ocrnn.training.step import Learner


@pytest.fixture
def some(digits: list[Sample], spec: ModelSpec) -> list[Batch]:
    plan = permuted(RealLines(digits, "light"), 0, 1, least=1)
    return [batch for batch, _ in batches(plan, spec, columns=400, seed=0, epoch=1)]


def learner(spec: ModelSpec, **options: Any) -> Learner:
    torch.manual_seed(1)
    return Learner(Network(spec.architecture, spec.charset.classes), precision="fp32", deterministic=True, **options)


def everything(learner: Learner) -> list[torch.Tensor]:
    states = learner.optimizer.state_dict()["state"].values()
    values = [*learner.network.state_dict().values(), *(value for state in states for value in state.values())]
    return [value.clone() for value in values]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return len(one) == len(other) and all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_loss_is_that_of_each_line_by_the_root_of_its_length(some: list[Batch], spec: ModelSpec) -> None:
    taught, batch = learner(spec), some[0]
    with torch.no_grad():
        log_probs, _ = learner(spec).network.train().training_log_probs(batch.images)
    total, characters = 0.0, 0.0
    texts = torch.split(batch.targets, batch.target_lengths.tolist())
    for number, text in enumerate(texts):
        line = log_probs[: batch.input_lengths[number], number]
        loss = functional.ctc_loss(line, text, torch.tensor(len(line)), torch.tensor(len(text)), reduction="sum")
        total += float(loss) / math.sqrt(len(text))
        characters += len(text) / math.sqrt(len(text))
    loss, sound = taught.learn(batch, 1e-3, 0).tolist()
    assert loss == pytest.approx(total / characters, rel=1e-5)
    assert sound == 1


def test_a_step_that_is_no_number_changes_nothing(some: list[Batch], spec: ModelSpec) -> None:
    whole, disturbed = learner(spec), learner(spec)
    poisoned = dataclasses.replace(some[1], images=some[1].images * math.nan)
    for taught in (whole, disturbed):
        taught.learn(some[0], 1e-2, 0)
    before = everything(disturbed)
    assert disturbed.learn(poisoned, 1e-2, 1).tolist()[1] == 0
    assert same(everything(disturbed), before), "weights, moments and norm statistics"
    for taught in (whole, disturbed):
        taught.learn(some[2], 1e-2, 2)
    assert same(everything(whole), everything(disturbed))
    assert not same(everything(whole), before)


class Asked(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes what makes the host wait for a number that a device computes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.waits: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ in ("_local_scalar_dense", "is_nonzero", "nonzero", "equal"):
            self.waits.append(str(func))
        return func(*args, **(kwargs or {}))


def test_a_step_never_asks_for_a_number(some: list[Batch], spec: ModelSpec) -> None:
    taught = learner(spec)
    taught.learn(some[0], 1e-3, 0)
    with Asked() as asked:
        result = taught.learn(some[1], 1e-3, 1)
        assert not asked.waits
        result.tolist()
        torch.isfinite(result[0]).item()
    assert asked.waits, "the test sees it where one does"


def test_chance_follows_from_the_number_of_the_step_alone(some: list[Batch], spec: ModelSpec) -> None:
    dropping = dataclasses.replace(spec, architecture=dataclasses.replace(spec.architecture, layers=2, dropout=0.5))
    results = []
    for number, before in ((7, 0), (7, 99), (8, 0)):
        taught = learner(dropping)
        torch.manual_seed(before)
        taught.learn(some[0], 1e-3, number)
        results.append(everything(taught))
    assert same(results[0], results[1])
    assert not same(results[0], results[2])


def test_apple_chips_are_for_a_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("ocrnn.training.distributed.distributed.new_group", lambda **_: None)
    assert Team().device == torch.device("mps")
    assert Team(Place(1, 2, 1, "localhost", 1)).device == torch.device("cpu")


def test_torch_hears_of_the_processor_for_what_apples_chips_lack_before_it_is_there(root: Path) -> None:
    name = "PYTORCH_ENABLE_MPS_FALLBACK"
    code = f"import os, sys, ocrnn.training; print('torch' in sys.modules, os.environ[{name!r}])"
    environment = {**os.environ, "PYTHONPATH": str(root)}
    environment.pop(name, None)
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout == "False 1\n"


def test_each_process_of_a_machine_takes_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("ocrnn.training.distributed.distributed.new_group", lambda **_: None)
    for count, local, number in ((4, 3, 3), (1, 3, 0)):  # Slurm may show each task one GPU alone
        monkeypatch.setattr(torch.cuda, "device_count", lambda count=count: count)
        assert Team(Place(7, 8, local, "localhost", 1)).device == torch.device("cuda", number)
