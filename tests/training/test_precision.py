"""What a run computes in: by what the chip is, else by a clock; by none where bits must be the same each time."""

import math
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from ocrnn.model.network import Network
from ocrnn.spec import ModelSpec
from ocrnn.training import precision
from ocrnn.training.precision import gain, has_units, settled

CPU = torch.device("cpu")


@pytest.fixture
def network(spec: ModelSpec) -> Network:
    return Network(spec.architecture, spec.charset.classes)


@pytest.fixture
def chip(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the CPU one that has AMX, or AVX-512 BF16, or neither."""

    def pretend(*, amx: bool = False, avx512: bool = False) -> None:
        for probe, answer in (("_is_amx_tile_supported", amx), ("_is_avx512_bf16_supported", avx512)):
            monkeypatch.setattr(torch.cpu, probe, lambda answer=answer: answer, raising=False)

    return pretend


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], list[float]]:
    """Makes bfloat16 so many times as fast; gives what each measurement said."""
    asked: list[float] = []

    def pretend(gained: float) -> list[float]:

        def gain(_: Network) -> float:
            asked.append(gained)
            return gained

        monkeypatch.setattr(precision, "gain", gain)
        return asked

    return pretend


def test_what_was_asked_for_is_taken(network: Network, chip: Callable[..., None]) -> None:
    chip(amx=True)
    assert settled("fp32", network, CPU) == "fp32"
    chip()
    assert settled("bf16", network, CPU) == "bf16"


@pytest.mark.parametrize("deterministic", [False, True])
def test_units_for_bfloat16_are_used_without_a_clock(
    network: Network, chip: Callable[..., None], clock: Callable[[float], list[float]], deterministic: bool
) -> None:
    asked = clock(0.1)
    chip(amx=True, avx512=True)
    assert settled("auto", network, CPU, deterministic=deterministic) == "bf16"
    chip()
    assert settled("auto", network, CPU, deterministic=deterministic) == "fp32"
    assert settled("auto", network, torch.device("mps"), deterministic=deterministic) == "fp32"
    assert not asked


@pytest.mark.parametrize(("gained", "expected"), [(1.9, "bf16"), (1.05, "fp32"), (0.67, "fp32")])
def test_avx_512_alone_is_timed(
    network: Network, chip: Callable[..., None], clock: Callable[[float], list[float]], gained: float, expected: str
) -> None:
    asked = clock(gained)
    chip(avx512=True)
    assert settled("auto", network, CPU) == expected
    assert asked == [gained]
    assert settled("auto", network, CPU, deterministic=True) == "fp32"
    assert asked == [gained], "no clock decides what must be the same each time"


def test_another_device_is_not_judged_by_the_processor_beside_it(
    network: Network, chip: Callable[..., None], clock: Callable[[float], list[float]]
) -> None:
    asked = clock(1.9)
    for amx in (True, False):
        chip(amx=amx, avx512=True)
        assert settled("auto", network, torch.device("mps")) == "fp32"
    assert not asked


@pytest.mark.parametrize(("emulated", "expected"), [(False, "bf16"), (True, "fp32")])
def test_a_gpu_that_only_emulates_bfloat16_has_no_units(
    network: Network, monkeypatch: pytest.MonkeyPatch, emulated: bool, expected: str
) -> None:
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or not emulated
    )
    assert settled("auto", network, torch.device("cuda")) == expected


def test_a_torch_that_cannot_be_asked_says_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert not has_units(CPU)


class Timed(nn.Module):
    """Takes as long for a step in bfloat16, six times that in floats of 32 bits, by a clock of its own; most of it goes
    backward. Some of its steps, counted from 1, take `late` longer."""

    def __init__(self, architecture: Any, seconds: float, late: dict[int, float]) -> None:
        super().__init__()
        self.architecture = architecture
        self.weight = nn.Parameter(torch.ones(1))
        self.weight.register_hook(self.go_back)  # type: ignore[no-untyped-call]
        self.seconds, self.late = seconds, late
        self.clock = 100.0
        self.steps = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> "Timed":
        return self

    def training_log_probs(self, images: torch.Tensor) -> tuple[torch.Tensor, None]:
        assert self.training
        self.steps += 1
        self.clock += self.seconds / 2 + self.late.get(self.steps, 0.0)
        self.takes = self.seconds / 2 if torch.is_autocast_enabled("cpu") else self.seconds * 5.5
        return self.weight * images.mean(), None

    def go_back(self, _: torch.Tensor) -> None:
        self.clock += self.takes


@pytest.mark.parametrize(
    ("seconds", "late", "most"),
    [
        (0.002, {4: 1.0}, 2.0),  # other work comes in between
        (2.0, {1: 9.0, 2: 9.0}, 50.0),  # a machine that has time for few, of which the first prepare the others
    ],
)
def test_the_clock_compares_steps_and_bears_slow_ones(
    seconds: float, late: dict[int, float], most: float, spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Timed(spec.architecture, seconds, late)
    monkeypatch.setattr(time, "perf_counter", lambda: network.clock)
    assert gain(network) == pytest.approx(6)  # type: ignore[arg-type]
    assert network.clock - 100 < most


def test_measuring_leaves_the_network_as_it_was(network: Network) -> None:
    network.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = gain(network)
    assert found > 0 and math.isfinite(found)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not network.training
    assert all(weight.grad is None for weight in network.parameters())
