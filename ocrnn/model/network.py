"""The network: convolutions that collapse height, a bidirectional recurrent stack, a head for CTC.

Letters: N lines, H W pixels, T frames, K feature channels, C classes with the blank.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ocrnn.spec import Architecture, Stage

_CELLS: dict[str, type[nn.LSTM] | type[nn.GRU] | type[nn.RNN]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class Network(nn.Module):
    """A CRNN (Shi, Bai, Yao 2015, arXiv 1507.05717) as an `Architecture` describes it."""

    def __init__(self, architecture: Architecture, classes: int) -> None:
        super().__init__()
        self.architecture = architecture
        stages: list[nn.Module] = []
        channels = 1
        for stage in architecture.stages:
            stages += _layers(stage, channels, residual=architecture.backbone == "resnet")
            channels = stage.channels
        self.conv = nn.Sequential(*stages)
        features = channels * (architecture.rows() if architecture.collapse == "stack" else 1)
        self.rnn = _CELLS[architecture.cell](
            features,
            architecture.hidden,
            architecture.layers,
            bidirectional=True,
            dropout=architecture.dropout if architecture.layers > 1 else 0.0,
        )
        self.head = nn.Linear(2 * architecture.hidden, classes)
        self.shortcut = nn.Conv1d(features, classes, 3, padding=1) if architecture.shortcut else None

    def train(self, mode: bool = True) -> Network:
        """Go into training mode, or reading mode; norms whose weights are frozen keep their statistics in either."""
        super().train(mode)
        for module in self.modules():
            # Not BatchNorm2d alone: several GPUs have SyncBatchNorm in its place.
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and not module.weight.requires_grad:
                module.eval()
        return self

    def features(self, images: Tensor) -> Tensor:
        """Features (T, N, K) of prepared lines (N, 1, H, W)."""
        maps = self.conv(images)  # (N, K, h, T)
        columns = maps.amax(2) if self.architecture.collapse == "max" else maps.flatten(1, 2)  # (N, K, T)
        frames: Tensor = columns.permute(2, 0, 1)  # (T, N, K)
        return frames

    def forward(self, images: Tensor) -> Tensor:
        """Log-probabilities (T, N, C) of prepared lines (N, 1, H, W), T = architecture.frames(W)."""
        return self._read(self.features(images))

    def training_log_probs(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Log-probabilities (T, N, C) of the network, and of its shortcut head where it has one.

        The shortcut sees single frames with their neighbours, no recurrence; its CTC loss teaches the convolutions
        before the recurrent layers have learned to pass gradients (Retsinas et al. 2022, arXiv 2404.11339).
        """
        features = self.features(images)
        if self.shortcut is None:
            return self._read(features), None
        logits = self.shortcut(features.permute(1, 2, 0)).permute(2, 0, 1)  # (T, N, C)
        return self._read(features), logits.float().log_softmax(2)

    def _read(self, features: Tensor) -> Tensor:
        hidden, _ = self.rnn(features)  # (T, N, 2 * hidden)
        logits: Tensor = self.head(hidden)  # (T, N, C)
        return logits.float().log_softmax(2)


def _layers(stage: Stage, channels: int, *, residual: bool) -> list[nn.Module]:
    layers: list[nn.Module] = [_convolution(stage, channels, stage.kernel, stage.stride, pad=stage.pad)]
    for _ in range(stage.repeat):
        again = _convolution(stage, stage.channels, 3, 1, pad=True)
        layers.append(_Residual(again) if residual else again)
    if stage.pool != (1, 1):
        layers.append(nn.MaxPool2d(stage.pool))
    return layers


def _convolution(stage: Stage, channels: int, kernel: int, stride: int, *, pad: bool) -> nn.Sequential:
    conv = nn.Conv2d(channels, stage.channels, kernel, stride, kernel // 2 if pad else 0, bias=not stage.norm)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    norm = [nn.BatchNorm2d(stage.channels)] if stage.norm else []
    return nn.Sequential(conv, *norm, nn.ReLU(inplace=True))


class _Residual(nn.Module):
    """Adds what enters to what a convolution makes of it (He et al. 2016)."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (N, K, h, w), the same shape as they came."""
        changed: Tensor = self.body(maps)
        return maps + changed


def with_classes(network: Network, origins: Sequence[int | None]) -> Network:
    """A network whose n-th class reads as class `origins[n]` did; None makes a new one. All other weights stay.

    The rows of new classes start small and their biases low: the old classes are read as before until training says
    otherwise. Classes that `origins` does not name are forgotten.
    """
    changed = Network(network.architecture, len(origins))
    state = network.state_dict()
    kept = [n for n, origin in enumerate(origins) if origin is not None]
    sources = [origin for origin in origins if origin is not None]
    for name, fresh in changed.state_dict().items():
        if name.startswith(("head.", "shortcut.")):
            rows = fresh * 0.1 if fresh.ndim > 1 else torch.full_like(fresh, float(state[name].min()))
            rows[kept] = state[name][sources]
            state[name] = rows
    changed.load_state_dict(state)
    return changed
