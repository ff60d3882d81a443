import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from ocrnn.data.labels import Sample, read_labels
from ocrnn.errors import UsageError
from ocrnn.image import Grey
from ocrnn.model.network import Network
from ocrnn.spec import ModelSpec
from ocrnn.training import batches as module
from ocrnn.training.batches import Batch, batches
from ocrnn.training.distributed import ALONE, Place, Team, first_node, join
from ocrnn.training.loop import Settings, Step, train
from ocrnn.training.plans import Plan, permuted
from ocrnn.training.sources import RealLines

TORCHRUN = {"RANK": "1", "LOCAL_RANK": "0", "WORLD_SIZE": "4", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, None),
        (TORCHRUN, Place(1, 4, 0, "10.0.0.1", 29500)),
        ({**TORCHRUN, "WORLD_SIZE": "1", "RANK": "0"}, None),
        # A PyTorchJob of Kubernetes: one process in each pod.
        (
            {"RANK": "2", "WORLD_SIZE": "3", "MASTER_ADDR": "job-master-0", "MASTER_PORT": "23456"},
            Place(2, 3, 0, "job-master-0", 23456),
        ),
        (
            {
                "SLURM_PROCID": "5",
                "SLURM_NTASKS": "8",
                "SLURM_LOCALID": "1",
                "SLURM_NODELIST": "gpu[07-10]",
                "SLURM_JOB_ID": "20345",
            },
            Place(5, 8, 1, "gpu07", 12345),
        ),
        (
            {**TORCHRUN, "SLURM_PROCID": "0", "SLURM_NTASKS": "2"},  # torchrun, started once on each node by srun
            Place(1, 4, 0, "10.0.0.1", 29500),
        ),
        # A shell on a node of a larger job: its step has one task.
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_STEP_NUM_TASKS": "1", "SLURM_NODELIST": "a"}, None),
    ],
)
def test_a_place_is_what_the_environment_says(environment: dict[str, str], place: Place | None) -> None:
    assert Place.told(environment) == place


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"MASTER_ADDR": ""}, "WORLD_SIZE is 4, but MASTER_ADDR is not set; use torchrun, or unset WORLD_SIZE"),
        (
            {"MASTER_PORT": "http"},
            "MASTER_PORT 'http' is no number; use torchrun or srun, or unset WORLD_SIZE",
        ),
        ({"WORLD_SIZE": "-1"}, "'-1' is no number"),
        ({"RANK": "4"}, "RANK is 4, but WORLD_SIZE is 4; ranks count from 0"),
    ],
)
def test_a_place_that_cannot_be_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Place.told({**TORCHRUN, **changes})


@pytest.mark.parametrize(  # as `scontrol show hostnames` expands them
    ("nodes", "first"),
    [
        ("alone", "alone"),
        ("b,a", "b"),
        ("node[003-005,9],big", "node003"),
        ("rack[2-3]n[1,4]-ib", "rack2n1-ib"),
        ("a-b-c1,node[1-2]", "a-b-c1"),
    ],
)
def test_the_first_node_of_a_slurm_list(nodes: str, first: str) -> None:
    assert first_node(nodes) == first


def test_a_process_alone_needs_no_network() -> None:
    with join() as team:
        assert team is ALONE
    assert ALONE.leads
    assert ALONE.agree(1.0, 2.0) == (1.0, 2.0)
    assert ALONE.gather(["a"]) == [["a"]]
    assert ALONE.exchange([b"x"]) == [b"x"]
    assert ALONE.share(b"y") == b"y"
    with pytest.raises(UsageError, match="wrong"), ALONE.together():
        raise UsageError("wrong")


class Seen(Team):
    """One of several processes in one: what they send one another goes through a table, with a barrier at each end."""

    def __init__(self, rank: int, table: list[list[bytes]], barrier: threading.Barrier) -> None:
        super().__init__()
        self.rank, self.size = rank, len(table)
        self.table, self.barrier = table, barrier

    def exchange(self, parcels: list[bytes]) -> list[bytes]:  # type: ignore[override]
        self.table[self.rank] = parcels
        self.barrier.wait()
        came = [sent[self.rank] for sent in self.table]
        self.barrier.wait()
        return came


@pytest.mark.parametrize("size", [2, 5])
def test_the_shares_of_all_are_the_batches_of_one(
    digits: list[Sample], spec: ModelSpec, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(module, "CHUNK", 16)
    made: list[int] = []
    source = RealLines(digits, "strong")
    draw = source.draw

    def counted(index: int, rng: np.random.Generator) -> tuple[Grey, str]:
        made.append(index)
        return draw(index, rng)

    monkeypatch.setattr(source, "draw", counted)
    plan = permuted(source, seed=3, epoch=2, least=60)
    whole = [batch for batch, _ in batches(plan, spec, columns=200, seed=3, epoch=2)]
    alone = len(made)
    made.clear()
    table: list[list[bytes]] = [[] for _ in range(size)]
    barrier = threading.Barrier(size)
    shares: list[list[Batch]] = [[] for _ in range(size)]

    def work(rank: int) -> None:
        team = Seen(rank, table, barrier)
        shares[rank] = [batch for batch, _ in batches(plan, spec, columns=200, seed=3, epoch=2, team=team)]

    workers = [threading.Thread(target=work, args=(rank,)) for rank in range(size)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(made) == alone, "each line is made by one process alone"
    assert min(len(batch.target_lengths) for batch in whole) < 5, "a batch with fewer lines than processes"
    for batch, *parts in zip(whole, *shares, strict=True):
        assert all(part.images.shape[1:] == batch.images.shape[1:] for part in parts)
        assert all(part.lines == batch.lines == len(batch.target_lengths) for part in parts)
        assert sorted(_lines(*parts)) == sorted(_lines(batch))
        total = sum(float((part.weights * part.target_lengths).sum()) for part in parts)
        assert total == pytest.approx(1)


def _lines(*parts: Batch) -> Iterator[tuple[bytes, int, bytes, float]]:
    for part in parts:
        texts = torch.split(part.targets, part.target_lengths.tolist())
        for image, frames, text, weight in zip(part.images, part.input_lengths, texts, part.weights, strict=True):
            if weight > 0:
                yield image.numpy().tobytes(), int(frames), text.numpy().tobytes(), float(weight)


SETTINGS = Settings(epochs=2, learning_rate=1e-2, columns=300, precision="fp32", deterministic=True)


def learn(spec: ModelSpec, data: Path, folder: Path, team: Team = ALONE) -> tuple[list[float], dict[str, torch.Tensor]]:
    """Losses of the steps, CER of the epochs, and weights that a run with frozen norm statistics leaves."""
    samples = read_labels(data).samples
    source = RealLines(samples[:-12], "light")
    torch.manual_seed(4)
    network = Network(spec.architecture, spec.charset.classes)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.requires_grad_(False)
    folder.mkdir(exist_ok=True)
    told = []

    def plan(epoch: int) -> Plan:
        return permuted(source, 0, epoch, least=96)

    for event in train(network, spec, plan, samples[-12:], SETTINGS, folder, from_model=True, team=team):
        told.append(event.loss if isinstance(event, Step) else event.score.cer)
    return told, network.state_dict()


_LEARN = """
import json, sys
from pathlib import Path
from typing import Any
sys.path[:0] = sys.argv[1:3]
import torch
from safetensors.torch import save_file
from test_distributed import ModelSpec, join, learn
torch.set_num_threads(1)
spec, data, folder = ModelSpec.from_json(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5])
with join() as team:
    told, weights = learn(spec, data, folder / f"run{team.rank}", team)
    (folder / f"{team.rank}.json").write_text(json.dumps(told))
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / f"{team.rank}.weights")
"""


def environment(rank: int, port: int, **more: str) -> dict[str, str]:
    places = {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1"}
    return {**os.environ, **places, "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1", **more}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_two_processes_learn_what_one_does(digits: list[Sample], spec: ModelSpec, tmp_path: Path, root: Path) -> None:
    data = digits[0].image.parent
    arguments = [str(value) for value in (Path(__file__).parent, root, spec.to_json(), data, tmp_path)]
    port = free_port()
    pair = [
        subprocess.Popen([sys.executable, "-c", _LEARN, *arguments], env=environment(rank, port)) for rank in range(2)
    ]
    told, weights = learn(spec, data, tmp_path / "alone")
    assert [process.wait(300) for process in pair] == [0, 0]
    assert len(told) > 20
    torch.manual_seed(4)
    start = Network(spec.architecture, spec.charset.classes).state_dict()
    for rank in range(2):
        theirs = json.loads((tmp_path / f"{rank}.json").read_text())
        assert theirs == pytest.approx(told, abs=1e-5)
        for name, value in load_file(tmp_path / f"{rank}.weights").items():
            assert torch.allclose(value, weights[name], rtol=0, atol=1e-5), name
    assert not torch.allclose(start["head.weight"], weights["head.weight"], rtol=0, atol=1e-3), "it learned nothing"
    assert (tmp_path / "run0" / "last.checkpoint").is_file()
    assert not list((tmp_path / "run1").iterdir()), "rank 0 alone writes"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_run_which_goes_on_later(short_lines: Path, tmp_path: Path, victim: int) -> None:
    checkpoint = tmp_path / "run" / "last.checkpoint"
    command = [sys.executable, "-m", "ocrnn", "train", "--data", str(short_lines), "--out", str(tmp_path / "run")]
    command += ["--epochs", "1", "--val-split", "0.3", "--threads", "1", "-q"]
    port = free_port()
    pair = [
        subprocess.Popen(
            command, env=environment(rank, port), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    try:
        while not checkpoint.is_file():  # both are learning
            assert [process.poll() for process in pair] == [None, None]
            time.sleep(0.05)
        before, written = progress(checkpoint), checkpoint.stat().st_mtime_ns
        pair[victim].kill()
        out, told = pair[1 - victim].communicate(timeout=300)
        pair[victim].communicate(timeout=300)
    finally:
        for process in pair:
            process.kill()
    assert pair[1 - victim].returncode == 1
    assert not out
    lost = f"ocrnn: rank {1 - victim} of 2: another process of the run ended, or cannot be reached"
    ways_out = ("what rank 0 saved goes on with --resume", "saved, go on with --resume")
    assert told == f"{lost}; {ways_out[victim]}\n"
    assert progress(checkpoint)["steps"] >= before["steps"] > 0
    if victim == 1:
        assert checkpoint.stat().st_mtime_ns > written
        rest = subprocess.run([*command, "--resume", "--devices", "2"], capture_output=True, text=True)
        assert (rest.returncode, rest.stdout) == (0, f"{tmp_path / 'run' / 'best.onnx'}\n"), rest.stderr
        assert not rest.stderr
        assert progress(checkpoint)["history"][0]["epoch"] == 1


def progress(checkpoint: Path) -> dict[str, Any]:
    with safe_open(checkpoint, framework="pt") as file:
        return json.loads(file.metadata()["ocrnn-checkpoint"])["progress"]  # type: ignore[no-any-return]
