"""A network small enough to store by the dozen, with statistics unlike those of a fresh one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from ocrnn.charset import Charset
from ocrnn.image import LineFormat
from ocrnn.model.export import export_onnx
from ocrnn.model.network import Network
from ocrnn.model.weights import save_weights
from ocrnn.spec import Architecture, ModelSpec, Stage


@pytest.fixture(scope="session")
def spec() -> ModelSpec:
    stages = (Stage(4, kernel=5, stride=2), Stage(6, repeat=1, pool=(2, 2)))
    architecture = dataclasses.replace(Architecture.named("fast"), height=24, stages=stages, hidden=5)
    return ModelSpec(
        Charset("abcdefghé“"), LineFormat(height=24), architecture, temperature=1.5, about={"data": "none, ſs"}
    )


@pytest.fixture(scope="session")
def network(spec: ModelSpec) -> Network:
    torch.manual_seed(7)
    network = Network(spec.architecture, spec.charset.classes)
    for name, tensor in network.state_dict().items():
        if "running" in name:
            tensor.uniform_(0.3, 2.0)
        elif tensor.is_floating_point() and tensor.ndim == 1:
            tensor.uniform_(-0.7, 1.3)
    return network.eval()


@pytest.fixture(scope="session")
def stored(spec: ModelSpec, network: Network, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same small model in both forms, by file name ending."""
    folder = tmp_path_factory.mktemp("stored")
    save_weights(folder / "tiny.safetensors", network, spec)
    export_onnx(network, spec, folder / "tiny.onnx")
    return {path.suffix: path for path in folder.iterdir()}
