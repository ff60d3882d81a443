import errno
import os
from pathlib import Path

import pytest
import torch

from ocrnn.errors import ModelError, OutputError, UsageError
from ocrnn.training.checkpoint import Progress, Terms, load_checkpoint, read_checkpoint, save_checkpoint


def trained() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.AdamW(network.parameters(), 0.1)
    for _ in range(3):
        network(torch.rand(5, 3)).pow(2).sum().backward()
        optimizer.step()
    return network, optimizer


def load(path: Path, network: torch.nn.Module, optimizer: torch.optim.Optimizer, told: dict[str, object]) -> Progress:
    return load_checkpoint(path, read_checkpoint(path), network, optimizer, Terms(told))


def fresh() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    return network, torch.optim.AdamW(network.parameters(), 0.1)


def test_all_comes_back(tmp_path: Path) -> None:
    network, optimizer = trained()
    progress = Progress(
        epoch=4, chunk=2, batch=1, lines=9, loss=1.5, steps=77, seconds=3.25, best_cer=0.1, best_epoch=2
    )
    progress.history = ({"epoch": 1, "cer": 0.5},)
    save_checkpoint(tmp_path / "c", network, optimizer, progress, Terms({"seed": 1}))
    other, other_optimizer = fresh()
    assert load(tmp_path / "c", other, other_optimizer, {"seed": 1}) == progress
    for name, value in network.state_dict().items():
        assert torch.equal(other.state_dict()[name], value)
    mine, theirs = optimizer.state_dict()["state"], other_optimizer.state_dict()["state"]
    for number, state in mine.items():
        assert all(torch.equal(theirs[number][name], value) for name, value in state.items())


def test_a_run_with_other_settings_is_named_by_what_differs(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", *trained(), Progress(), Terms({"seed": 1, "columns": 5}))
    with pytest.raises(UsageError, match="made with other seed; repeat"):
        load(tmp_path / "c", *fresh(), {"seed": 2, "columns": 5})


def test_what_was_asked_otherwise_is_named_with_both_values_and_what_follows_from_it_is_not() -> None:
    before = Terms(
        {"--lr": 1e-3, "--from": "latin", "--batch": 900, "training lines": "a"},
        {"--data": ["here"], "--out": ["x"], "--from": ["latin"], "--lr": None, "--val-split": ["0.1"]},
    )
    now = Terms(
        {"--lr": 2e-3, "--from": None, "--batch": 800, "training lines": "b"},
        {"--data": ["there"], "--out": ["y"], "--from": None, "--lr": None, "--val-split": ["0.2"]},
    )
    told = "--data here (now there), --from latin (now left out), --val-split 0.1 (now 0.2), other training lines"
    assert now.differing(before) == told
    moved = Terms({**before.fingerprint, "--lr": 2e-3}, {**before.asked, "--data": ["there"], "--lr": ["0.002"]})
    assert moved.differing(before) == "no --lr (now 0.002)"
    said = Terms({**before.fingerprint, "--from": None}, {**before.asked, "--from": None, "--lr": ["0.001"]})
    assert said.differing(before) == "--from latin (now left out)", "the rate is the same"
    assert Terms(before.fingerprint, now.asked).differing(before) == ""


@pytest.mark.parametrize("keep", [0, 7, 100, -30])
def test_a_cut_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "c"
    save_checkpoint(path, *trained(), Progress(), Terms({}))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match="damaged checkpoint .*; give another --out"):
        load(path, *fresh(), {})


def test_no_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="c: cannot be read .No such file or directory.; check its rights"):
        load(tmp_path / "c", *fresh(), {})


def test_the_optimizer_comes_back_as_its_weights_lie_in_memory(tmp_path: Path) -> None:
    """A fused step goes through memory in order: moments laid otherwise than their weights would meet others."""
    torch.manual_seed(1)

    def learner() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
        network = torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network, torch.optim.AdamW(network.parameters(), 0.1, fused=True)

    def step(network: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        network(torch.arange(75.0).reshape(1, 3, 5, 5)).pow(3).mean().backward()
        optimizer.step()

    network, optimizer = learner()
    step(network, optimizer)
    save_checkpoint(tmp_path / "c", network, optimizer, Progress(), Terms({}))
    other, other_optimizer = learner()
    load(tmp_path / "c", other, other_optimizer, {})
    step(network, optimizer)
    step(other, other_optimizer)
    for mine, theirs in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c"
    save_checkpoint(path, *trained(), Progress(epoch=1), Terms({}))
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        save_checkpoint(path, *trained(), Progress(epoch=2), Terms({}))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
