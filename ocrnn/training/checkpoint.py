"""Everything a run needs to go on as if it had never stopped, in one safetensors file: no pickle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from ocrnn.errors import ModelError, UsageError
from ocrnn.storage import write_whole
from ocrnn.training.precision import Arithmetic

_KEY = "ocrnn-checkpoint"
_OF_NO_MATTER = ("--out", "--resume")
_SHOWN_BY = {"--data": "training lines", "--val": "validation lines"}


@dataclass
class Progress:
    """How far a run has come.

    `epoch` counts from 1 and is the one to go on with; `chunk`, `batch` and `lines` tell how much of it is done (see
    `batches.Position`), `loss` its summed loss; `seconds` is training time over all sittings; `best_cer` is the lowest
    validation CER as written (0..1), reached in epoch `best_epoch`; `rate` is the learning rate of the last step;
    `precision` is what the run computes in, None before that is settled; `history` holds one row per finished epoch.
    """

    epoch: int = 1
    chunk: int = 0
    batch: int = 0
    lines: int = 0
    loss: float = 0.0
    steps: int = 0
    seconds: float = 0.0
    best_cer: float | None = None
    best_epoch: int = 0
    rate: float = 0.0
    precision: Arithmetic | None = None
    history: tuple[dict[str, float], ...] = ()

    def next_epoch(self, row: dict[str, float]) -> Progress:
        """Where the run stands once an epoch is done, of which the history keeps this row."""
        return replace(self, epoch=self.epoch + 1, chunk=0, batch=0, lines=0, loss=0.0, history=(*self.history, row))


@dataclass(frozen=True)
class Terms:
    """What a run is taught with.

    `fingerprint` is what must be equal for it to go on, by the name its user knows: options and data. `asked` is what
    each option was given on the command line, None where it was left out: much of the former follows from it.
    """

    fingerprint: dict[str, Any]
    asked: dict[str, list[str] | None] = field(default_factory=dict)

    def differing(self, before: Terms) -> str:
        """What was otherwise in a run that was saved, in words; "" where it may go on."""
        stored = json.loads(json.dumps(self.fingerprint))
        names = {*before.fingerprint, *stored}
        differing = sorted(name for name in names if before.fingerprint.get(name) != stored.get(name))
        if not differing:
            return ""
        if before.asked and self.asked:
            options = [
                _told_apart(name, before.asked.get(name), given)
                for name, given in self.asked.items()
                if before.asked.get(name) != given and _matters(name, names, differing)
            ]
            data = [f"other {name}" for name in differing if not name.startswith("--")]
            if options or data:
                return ", ".join(options + data)
        return f"other {', '.join(differing)}"


def _matters(name: str, names: set[str], differing: Sequence[str]) -> bool:
    """Tell whether an option that was given otherwise may be why a run differs."""
    if name in _OF_NO_MATTER:
        return False
    if name in _SHOWN_BY:  # the same lines in another place are the same
        return _SHOWN_BY[name] in differing
    return name in differing or name not in names


def _told_apart(name: str, before: Sequence[str] | None, now: Sequence[str] | None) -> str:
    """An option as it was given before, and how it is now."""
    was = f"no {name}" if before is None else " ".join((name, *before))
    return f"{was} (now {'left out' if now is None else ' '.join(now) or 'given'})"


def save_checkpoint(
    path: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    terms: Terms,
) -> None:
    """Replace the checkpoint at `path`; the old one stays whole until the new one is. Raises OutputError."""
    tensors = {f"network.{name}": value.contiguous() for name, value in network.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors.update({f"optimizer.{number}.{name}": value.contiguous() for name, value in state.items()})
    told = json.dumps({"progress": vars(progress), **vars(terms)})
    write_whole(path, save(tensors, {_KEY: told}))


def read_checkpoint(path: Path) -> bytes:
    """Bytes of a checkpoint; ModelError when they cannot be read."""
    try:
        return path.read_bytes()
    except OSError as fault:
        raise ModelError(f"{path}: cannot be read ({fault.strerror}); check its rights") from None


def load_checkpoint(
    path: Path, data: bytes, network: nn.Module, optimizer: torch.optim.Optimizer, terms: Terms
) -> Progress:
    """Bring network and optimizer back to where a run was saved, as `data` of the file at `path` say; its progress.

    Raises ModelError when they are damaged, UsageError when the run had other options or data.
    """
    try:
        tensors = load(data)
        told = _told(data)
        differing = terms.differing(Terms(told["fingerprint"], told.get("asked", {})))
        if differing:
            raise UsageError(f"{path}: was made with {differing}; repeat its options, or give another --out")
        network.load_state_dict({k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")})
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        stored: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("optimizer."):
                _, number, key = name.split(".", 2)
                like = weights[int(number)]
                # A fused optimizer goes through memory as it lies: channels last where the weights are.
                laid = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
                stored.setdefault(int(number), {})[key] = laid
        optimizer.load_state_dict({"state": stored, "param_groups": optimizer.state_dict()["param_groups"]})
        return Progress(**{**told["progress"], "history": tuple(told["progress"]["history"])})
    except (SafetensorError, LookupError, ValueError, TypeError, RuntimeError) as fault:
        reason = " ".join(str(fault).split())[:120]
        raise ModelError(f"{path}: damaged checkpoint ({reason}); give another --out") from None


def _told(data: bytes) -> Any:
    """What is written beside the tensors; safetensors gives it for files only, and begins with its length."""
    length = int.from_bytes(data[:8], "little")
    return json.loads(json.loads(data[8 : 8 + length])["__metadata__"][_KEY])
