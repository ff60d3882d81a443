"""One step of learning: a batch through the network, its loss, and the change of the weights that follows from it.

On a GPU nothing here waits for it: what a step came to stays on the device until someone reads it.
"""

from __future__ import annotations

import os

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ocrnn.model.network import Network
from ocrnn.training.batches import Batch
from ocrnn.training.distributed import ALONE, Team
from ocrnn.training.precision import Arithmetic

_SHORTCUT_WEIGHT = 0.3
"""Share of the shortcut head's loss (Retsinas et al. 2022, arXiv 2404.11339)."""
_LONGEST_NORM = 1.0


class Learner:
    """A network and its optimizer, on the device and in the team that they learn with.

    All chance of a step follows from `seed`, the number of the step and the rank, whatever was before: a run that goes
    on needs no random state. `precision` may be set between two steps.
    """

    def __init__(
        self,
        network: Network,
        *,
        precision: Arithmetic = "fp32",
        deterministic: bool = False,
        seed: int = 0,
        team: Team = ALONE,
    ) -> None:
        if deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS refuses
        torch.use_deterministic_algorithms(deterministic)
        self.network = network
        self.precision = precision
        self.team, self._seed = team, seed
        device = team.device
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        # MPS has no CTC loss; that of CUDA adds up in no fixed order.
        self._ctc_device = torch.device("cpu") if device.type == "mps" or deterministic else device
        # Frozen weights stay out: decay would move them without a gradient.
        weights = [weight for weight in network.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(weights, betas=(0.9, 0.99), weight_decay=1e-2, fused=True)
        self._module = team.joined(_TwoHeads(network))
        self._buffers = list(network.buffers())

    def learn(self, batch: Batch, rate: float, step: int) -> Tensor:
        """Take one step; gives (2,) on the device: the loss per character (nats), and 1 if it was learned from, or 0.

        A step whose loss or gradient is not a number changes nothing, norm statistics included. Every process of the
        team takes it with its share of the batch; the loss is that of the whole. Raises ProcessLost, and has then
        changed nothing either.
        """
        torch.manual_seed(int(np.random.SeedSequence((self._seed, step, self.team.rank, 4)).generate_state(1)[0]))
        self.network.train()
        before = [buffer.clone() for buffer in self._buffers]
        try:
            losses = self._gradient(batch.to(self.team.device))
        except BaseException:
            for buffer, value in zip(self._buffers, before, strict=True):
                buffer.copy_(value)
            raise
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), _LONGEST_NORM)
        sound = torch.isfinite(losses.sum() + norm)
        for buffer, value in zip(self._buffers, before, strict=True):
            buffer.copy_(torch.where(sound, buffer, value))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        # What torch's own gradient scaler tells a fused optimizer: it decides on the device, and the host need not ask.
        self.optimizer.found_inf = (~sound).float()  # type: ignore[attr-defined]
        self.optimizer.step()
        return torch.stack((losses[0], sound.float()))

    def _gradient(self, batch: Batch) -> Tensor:
        """Leave the gradient of the whole batch in the parameters; gives the loss and what is beside it (2,)."""
        autocast = torch.autocast(self.team.device.type, torch.bfloat16, enabled=self.precision == "bf16")
        with autocast, self.team.watching():
            log_probs, shortcut = self._module(batch.images)
        loss = self._loss(log_probs, batch)
        beside = self._beside(log_probs, shortcut, batch)
        self.optimizer.zero_grad(set_to_none=True)
        with self.team.watching():
            # The mean over processes is taken of gradients that belong to one sum.
            ((loss + beside) * self.team.size).backward()  # type: ignore[no-untyped-call]
        return self.team.add(torch.stack((loss, beside)).detach())

    def _beside(self, log_probs: Tensor, shortcut: Tensor | None, batch: Batch) -> Tensor:
        """What is minimised beside the loss, from the log-probabilities (T, N, C) of both heads."""
        return log_probs.new_zeros(()) if shortcut is None else _SHORTCUT_WEIGHT * self._loss(shortcut, batch)

    def _loss(self, log_probs: Tensor, batch: Batch) -> Tensor:
        """CTC loss (nats) of log-probabilities (T, N, C), each line as its weight says."""
        device = self._ctc_device
        losses = functional.ctc_loss(
            log_probs.to(device), batch.targets.to(device), batch.input_lengths, batch.target_lengths, reduction="none"
        )
        return (losses.to(log_probs.device) * batch.weights).sum()


class _TwoHeads(nn.Module):
    """What a network does when it learns, as the `forward` that DistributedDataParallel wraps."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Log-probabilities (T, N, C) of both heads."""
        return self.network.training_log_probs(images)
