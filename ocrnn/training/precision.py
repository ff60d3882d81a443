"""The arithmetic of a run: floats of 32 bits, or the bfloat16 of 16 where the chip is faster in it."""

from __future__ import annotations

import copy
import statistics
import time
from typing import Literal

import torch

from ocrnn.model.network import Network

Arithmetic = Literal["fp32", "bf16"]
"""What weights and features are multiplied in; sums over a line, the loss and the weights are of 32 bits in both."""
Precision = Literal["auto", Arithmetic]

_WORTH = 1.1
"""How many times as fast bfloat16 must be: it rounds to three digits, and gets nothing for a few percent."""
_ROUNDS, _SECONDS = 5, 3.0
"""Pairs of steps that are timed, as long as there is time: a machine that others keep busy takes fewer."""
_LINES, _COLUMNS = 4, 128
"""Size of a measured batch: small, as ten steps of it are waited for, and large enough to tell."""


def settled(precision: Precision, network: Network, device: torch.device, *, deterministic: bool = False) -> Arithmetic:
    """Arithmetic to teach a network in on a device; "auto" is decided by what the device is, or by a measurement.

    CUDA since Ampere and x86 with AMX have units for bfloat16, and take it. Chips with AVX-512 BF16 alone differ: an
    AMD EPYC took its steps 1.9 times as fast so, a Xeon whose AMX is hidden from a virtual machine 0.7 times. There
    some steps of either kind are timed, in about a second; a `deterministic` run, which no clock may decide
    anything in, takes 32 bits. So does all else.
    """
    if precision != "auto":
        return precision
    if has_units(device):
        return "bf16"
    if deterministic or device.type != "cpu" or not _cpu_has("_is_avx512_bf16_supported"):
        return "fp32"
    return "bf16" if gain(network) > _WORTH else "fp32"


def has_units(device: torch.device) -> bool:
    """Tell whether a device has units of their own for products of bfloat16 matrices."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and _cpu_has("_is_amx_tile_supported")


def gain(network: Network) -> float:
    """How many times as fast a step on the CPU is in bfloat16; the network stays as it is.

    The median over pairs of steps that follow one another: other work on the machine then slows both of a pair, or
    spoils few.
    """
    learner = copy.deepcopy(network).train()
    images = torch.zeros(_LINES, 1, network.architecture.height, _COLUMNS).to(memory_format=torch.channels_last)

    def seconds(bf16: bool) -> float:
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            heads = learner.training_log_probs(images)
        torch.stack([head.sum() for head in heads if head is not None]).sum().backward()  # type: ignore[no-untyped-call]
        return time.perf_counter() - start

    start = time.perf_counter()
    seconds(bf16=False), seconds(bf16=True)  # which prepare what later ones use
    ratios: list[float] = []
    while not ratios or (len(ratios) < _ROUNDS and time.perf_counter() - start < _SECONDS):
        ratios.append(seconds(bf16=False) / seconds(bf16=True))
    return statistics.median(ratios)


def _cpu_has(probe: str) -> bool:
    """Ask torch about the CPU; no for a torch that does not know the question."""
    asked = getattr(torch.cpu, probe, None)
    return asked is not None and bool(asked())
