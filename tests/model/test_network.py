from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch
from torch import nn

from ocrnn.model.network import Network
from ocrnn.spec import Architecture


@pytest.mark.parametrize("preset", ["fast", "accurate", "paper"])
@pytest.mark.parametrize("backbone", ["vgg", "resnet"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_frames_and_rows_are_those_of_the_network(preset: str, backbone: str, cell: str) -> None:
    named = Architecture.named(preset, backbone=backbone, cell=cell)
    architecture = dataclasses.replace(named, hidden=4)  # hidden units change no shape but their own
    network = Network(architecture, 13).eval()
    with torch.inference_mode():
        for lines, width in ((2, 64), (3, 93), (1, 160)):
            log_probs = network(torch.rand(lines, 1, architecture.height, width))
            assert log_probs.shape == (architecture.frames(width), lines, 13)
        assert network.conv(torch.rand(1, 1, architecture.height, 64)).shape[2] == architecture.rows()


def test_paper_has_the_parameters_of_table_1() -> None:
    classes = 37
    convolutions = (
        (1 * 3 * 3 + 1) * 64  # conv1, 640
        + (64 * 3 * 3 + 1) * 128  # conv2, 73,856
        + (128 * 3 * 3 + 1) * 256  # conv3, 295,168
        + (256 * 3 * 3 + 1) * 256  # conv4, 590,080
        + (256 * 3 * 3) * 512  # conv5: batch norm has the bias, 1,179,648
        + 2 * 512  # its batch norm: scale and shift
        + (512 * 3 * 3) * 512  # conv6, 2,359,296
        + 2 * 512
        + (512 * 2 * 2 + 1) * 512  # conv7: 2x2 without padding, 1,049,088
    )
    gates, ways = 4, 2
    # Each of the two BiLSTM has 256 units a way; the input is 512 wide both times: the maps, then two ways of 256.
    # torch keeps two biases for each gate where one would do.
    recurrent = 2 * ways * gates * (256 * (512 + 256) + 2 * 256)  # 3,153,920
    transcription = (2 * 256 + 1) * classes
    network = Network(Architecture.named("paper"), classes)
    assert sum(parameter.numel() for parameter in network.parameters()) == convolutions + recurrent + transcription
    assert convolutions + recurrent + transcription == 8_722_725


def test_paper_computes_what_table_1_says_layer_for_layer() -> None:
    table = nn.Sequential(  # written down from the paper, with nothing of ours but the weights
        nn.Conv2d(1, 64, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2, 2),
        nn.Conv2d(64, 128, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2, 2),
        nn.Conv2d(128, 256, 3, 1, 1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(), nn.MaxPool2d((2, 1), (2, 1)),
        nn.Conv2d(256, 512, 3, 1, 1, bias=False), nn.BatchNorm2d(512), nn.ReLU(),
        nn.Conv2d(512, 512, 3, 1, 1, bias=False), nn.BatchNorm2d(512), nn.ReLU(), nn.MaxPool2d((2, 1), (2, 1)),
        nn.Conv2d(512, 512, 2, 1, 0), nn.ReLU(), nn.Flatten(1, 2),
    ).eval()  # fmt: skip
    recurrent = nn.LSTM(512, 256, num_layers=2, bidirectional=True)
    transcription = nn.Linear(2 * 256, 37)
    torch.manual_seed(3)
    network = Network(Architecture.named("paper"), 37).eval()
    for ours, theirs in ((network.conv, table), (network.rnn, recurrent), (network.head, transcription)):
        weights = zip(theirs.state_dict(), ours.state_dict().values(), strict=True)
        theirs.load_state_dict(dict(weights))  # in the order of the layers; shapes that differ are refused
    images = torch.rand(2, 1, 32, 100)
    with torch.inference_mode():
        frames = table(images).permute(2, 0, 1)
        expected = transcription(recurrent(frames)[0]).log_softmax(2)
        assert torch.allclose(network(images), expected, atol=1e-5)


def test_paper_takes_the_pictures_of_the_paper() -> None:
    # Section 2.2: lines of 32 px; the maps end one row high, a quarter of the width long.
    architecture = Architecture.named("paper")
    assert (architecture.height, architecture.rows()) == (32, 1)
    assert architecture.frames(100) == 100 // 4 - 1  # the last convolution, 2x2 without padding, takes one column
    assert Network(architecture, 5).features(torch.rand(2, 1, 32, 100)).shape == (24, 2, 512)


def test_log_probs_are_probabilities(network: Network) -> None:
    log_probs = network(torch.rand(3, 1, 24, 80))
    assert torch.allclose(log_probs.exp().sum(2), torch.ones(20, 3), atol=1e-5)


def test_a_line_reads_the_same_alone_and_in_company(network: Network) -> None:
    images = torch.rand(5, 1, 24, 80)
    together = network(images)
    for n in range(5):
        assert torch.allclose(network(images[n : n + 1])[:, 0], together[:, n], atol=1e-5)


def test_reading_never_runs_the_shortcut(network: Network) -> None:
    images = torch.rand(3, 1, 24, 80)
    log_probs, shortcut = network.training_log_probs(images)
    assert shortcut is not None
    assert log_probs.shape == shortcut.shape == (20, 3, 11)
    assert not torch.allclose(log_probs, shortcut)
    assert torch.equal(log_probs, network(images))
    called = []
    assert network.shortcut is not None
    hook = network.shortcut.register_forward_hook(lambda *_: called.append(True))
    network(images)
    hook.remove()
    assert not called


def test_shortcut_sees_only_its_neighbours(network: Network) -> None:
    images = torch.rand(1, 1, 24, 160)
    other = images.clone()
    other[..., 90:] = 0.0  # from frame 22 on; convolutions carry that 5 frames to the left
    (read, near), (read_other, near_other) = map(network.training_log_probs, (images, other))
    assert near is not None
    assert near_other is not None
    assert torch.allclose(near[:17], near_other[:17], atol=1e-5)
    assert not torch.allclose(read[:17], read_other[:17], atol=1e-5)


def test_paper_has_no_shortcut() -> None:
    architecture = dataclasses.replace(Architecture.named("paper"), hidden=4)
    assert Network(architecture, 5).training_log_probs(torch.rand(2, 1, 32, 64))[1] is None


def test_every_parameter_learns() -> None:
    for preset, backbone in itertools.product(("fast", "accurate", "paper"), ("vgg", "resnet")):
        architecture = dataclasses.replace(Architecture.named(preset, backbone=backbone), hidden=4)
        network = Network(architecture, 6)
        heads = network.training_log_probs(torch.rand(2, 1, architecture.height, 64))
        torch.autograd.backward([head[..., 1].sum() for head in heads if head is not None])
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
