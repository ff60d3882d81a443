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


def test_a_torch_that_cannot_be_asked_says_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert not has_units(CPU)


class Timed(nn.Module):
    """Takes 2 ms for a step in bfloat16 and 12 ms in floats of 32 bits, by a clock of its own; one step far longer."""

    def __init__(self, architecture: Any) -> None:
        super().__init__()
        self.architecture = architecture
        self.weight = nn.Parameter(torch.ones(1))
        self.clock = 0.0
        self.steps = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> "Timed":
        return self

    def training_log_probs(self, images: torch.Tensor) -> tuple[torch.Tensor, None]:
        assert self.training
        self.steps += 1
        self.clock += 1.0 if self.steps == 6 else 0.002 if torch.is_autocast_enabled("cpu") else 0.012
        return self.weight * images.mean(), None


def test_the_clock_compares_steps_and_bears_a_slow_one(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Timed(spec.architecture)
    monkeypatch.setattr(time, "perf_counter", lambda: network.clock)
    assert gain(network) == pytest.approx(6)  # type: ignore[arg-type]


def test_measuring_leaves_the_network_as_it_was(network: Network) -> None:
    network.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = gain(network)
    assert found > 0 and math.isfinite(found)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not network.training
    assert all(weight.grad is None for weight in network.parameters())
