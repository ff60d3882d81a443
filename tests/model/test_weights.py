from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ocrnn.errors import ModelError, OutputError
from ocrnn.model.network import Network
from ocrnn.model.weights import load_weights, save_weights
from ocrnn.spec import ModelSpec

Tensors = dict[str, torch.Tensor]


def test_what_is_loaded_is_what_was_saved(stored: dict[str, Path], network: Network, spec: ModelSpec) -> None:
    loaded, loaded_spec = load_weights(stored[".safetensors"])
    assert loaded_spec == spec
    assert loaded.training
    images = torch.rand(2, 1, 24, 90)
    assert torch.equal(loaded.eval()(images), network(images))


def test_the_file_is_plain_safetensors(stored: dict[str, Path], network: Network, spec: ModelSpec) -> None:
    with safe_open(stored[".safetensors"], "pt") as file:
        assert file.metadata() == {"ocrnn": spec.to_json()}
        assert set(file.keys()) == set(network.state_dict())


def test_loaded_weights_can_learn(stored: dict[str, Path]) -> None:
    network, _ = load_weights(stored[".safetensors"])
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    log_probs, shortcut = network.training_log_probs(torch.rand(2, 1, 24, 64))
    assert shortcut is not None
    torch.autograd.backward([log_probs[..., 1].sum(), shortcut[..., 1].sum()])
    optimizer.step()
    assert all(not torch.equal(before[name], tensor) for name, tensor in network.named_parameters())


def test_saving_is_the_same_every_time(
    network: Network, spec: ModelSpec, stored: dict[str, Path], tmp_path: Path
) -> None:
    save_weights(tmp_path / "again.safetensors", network, spec)
    assert (tmp_path / "again.safetensors").read_bytes() == stored[".safetensors"].read_bytes()


def test_halves_take_half_the_room_and_say_the_same(
    stored: dict[str, Path], network: Network, spec: ModelSpec, tmp_path: Path
) -> None:
    path = tmp_path / "halves.safetensors"
    save_weights(path, network, spec, halves=True)
    weights, others = (sum(t.nbytes for t in load_file(file).values()) for file in (path, stored[".safetensors"]))
    assert weights < 0.51 * others
    loaded, loaded_spec = load_weights(path)
    assert loaded_spec == spec
    images = torch.rand(2, 1, 24, 90)
    torch.testing.assert_close(loaded.eval()(images), network(images), rtol=0, atol=0.01)
    assert {tensor.dtype for tensor in loaded.parameters()} == {torch.float32}


def test_full_disk_keeps_the_old_model(
    stored: dict[str, Path], network: Network, spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "best.safetensors"
    path.write_bytes(stored[".safetensors"].read_bytes())

    def fill(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fill)
    with pytest.raises(OutputError, match="best.safetensors: cannot be written .No space left"):
        save_weights(path, network, spec)
    assert list(tmp_path.iterdir()) == [path]
    assert load_weights(path)[1] == spec


def drop(tensors: Tensors) -> None:
    del tensors["head.bias"]


def add(tensors: Tensors) -> None:
    tensors["head.gain"] = torch.ones(3)


def widen(tensors: Tensors) -> None:
    tensors["head.weight"] = torch.ones(12, 10)


def double(tensors: Tensors) -> None:
    tensors["head.weight"] = tensors["head.weight"].double()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (drop, "tensor head.bias is missing; "),
        (add, "tensor head.gain has no place in the network; "),
        (widen, "tensor head.weight is 12x10 and not 11x10; "),
        (double, "tensor head.weight is torch.float64 and not torch.float32; "),
    ],
)
def test_weights_that_do_not_fit(
    change: Callable[[Tensors], None], fault: str, stored: dict[str, Path], spec: ModelSpec, tmp_path: Path
) -> None:
    tensors = load_file(stored[".safetensors"])
    change(tensors)
    path = tmp_path / "odd.safetensors"
    save_file(tensors, path, {"ocrnn": spec.to_json()})
    with pytest.raises(ModelError) as refused:
        load_weights(path)
    assert str(refused.value).startswith(f"{path}: {fault}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ('"hidden": 5', '"hidden": -5'),
        ('"hidden": 5', '"hidden": "5"'),
        ('"cell": "lstm"', '"cell": "lstn"'),
        ('"channels": 4', '"channels": 9999999999'),
        ('"layers": 2', '"layers": 0'),
    ],
)
def test_descriptions_no_network_can_be_built_from(
    good: str, bad: str, stored: dict[str, Path], spec: ModelSpec, tmp_path: Path
) -> None:
    assert good in spec.to_json()
    path = tmp_path / "odd.safetensors"
    save_file(load_file(stored[".safetensors"]), path, {"ocrnn": spec.to_json().replace(good, bad, 1)})
    with pytest.raises(ModelError) as refused:
        load_weights(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_graph_is_not_weights(stored: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match=r"not weights; give the \.safetensors"):
        load_weights(stored[".onnx"])


def test_a_cut_file(stored: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(stored[".safetensors"].read_bytes()[:-1])
    with pytest.raises(ModelError, match="cut short"):
        load_weights(path)
    path.write_bytes(stored[".safetensors"].read_bytes() + b"more")
    with pytest.raises(ModelError, match="damaged"):
        load_weights(path)
