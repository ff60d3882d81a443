"""Architectures by the arithmetic of their layers, and the stored form of a model's description."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from ocrnn.charset import Charset
from ocrnn.errors import ModelError, UsageError
from ocrnn.image import LineFormat
from ocrnn.spec import FORMAT, Architecture, ModelSpec, Stage


def convolved(pixels: int, kernel: int, stride: int, border: int) -> int:
    """Size after a convolution, by placing the kernel step by step."""
    places = 0
    at = -border
    while at + kernel <= pixels + border:
        places, at = places + 1, at + stride
    return places


@pytest.mark.parametrize("stage", [Stage(1), Stage(1, kernel=5, stride=2), Stage(1, kernel=2, pad=False)])
def test_stage_size_is_where_the_kernel_fits(stage: Stage) -> None:
    border = stage.kernel // 2 if stage.pad else 0
    for pixels in range(stage.kernel, 60):
        assert stage.size(pixels, axis=1) == convolved(pixels, stage.kernel, stage.stride, border)


def test_the_paper_has_the_sizes_of_its_table() -> None:
    """Table 1 of arXiv 1507.05717: 32 rows become 1; 100 columns make 24 frames, by way of 50 and 25."""
    paper = Architecture.named("paper")
    assert paper.height == 32
    assert paper.rows() == 1
    assert paper.frames(100) == 24
    assert paper.frames(160) == 39
    assert [stage.channels for stage in paper.stages] == [64, 128, 256, 256, 512, 512, 512]
    assert (paper.hidden, paper.layers, paper.shortcut) == (256, 2, False)


def test_fast_makes_a_frame_of_four_columns() -> None:
    fast = Architecture.named("fast")
    assert fast == Architecture()
    for width in range(16, 400, 16):
        assert fast.frames(width) == width // 4
    assert fast.rows() == 5
    assert fast.frames(0) >= 0
    assert fast.stride == 4


def test_named_takes_another_backbone_or_cell() -> None:
    assert Architecture.named("fast", cell="gru").cell == "gru"
    assert Architecture.named("paper", backbone="resnet").backbone == "resnet"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "huge"}, "--arch huge: no such choice; take one of fast, accurate, paper"),
        ({"preset": "fast", "cell": "mamba"}, "--cell mamba: .*lstm, gru, rnn"),
        ({"preset": "fast", "backbone": "vit"}, "--backbone vit: .*vgg, resnet"),
    ],
)
def test_unknown_choices_are_refused(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Architecture.named(**arguments)


SPEC = ModelSpec(
    Charset("aé€ \u0364"),
    temperature=1.25,
    doubt=0.85,
    word_doubt=0.9,
    again_power=0.7,
    word_power=0.6,
    language="eJw=",
    language_weight=0.45,
    about={"data": "none", "cer": {"receipts": 0.05}},
)


@pytest.mark.parametrize("preset", ["fast", "accurate", "paper"])
def test_json_round_trip(preset: str) -> None:
    architecture = Architecture.named(preset)
    line_format = LineFormat(height=architecture.height)
    spec = dataclasses.replace(SPEC, architecture=architecture, line_format=line_format)
    text = spec.to_json()
    assert "\n" not in text
    assert ModelSpec.from_json(text) == spec
    assert ModelSpec.from_json(text).to_json() == text


def test_a_stored_spec_of_format_1_still_opens() -> None:
    """Written once by hand, not by `to_json`: what stands in files must keep its meaning."""
    stored = (
        '{"ocrnn": 1, "charset": "ab", "line_format": {"height": 32, "width_step": 4, "margin": 2}, "architecture": '
        '{"preset": "fast", "backbone": "vgg", "cell": "gru", "height": 32, "stages": [{"channels": 8, "kernel": 3, '
        '"stride": 2, "pool": [2, 1], "norm": true, "pad": true, "repeat": 0}], "collapse": "max", "hidden": 16, '
        '"layers": 1, "dropout": 0.0, "shortcut": false}, "temperature": 1.5, "about": {"licence": "Apache-2.0"}}'
    )
    spec = ModelSpec.from_json(stored)
    assert spec.charset.characters == "ab"
    assert spec.line_format == LineFormat(32, 4, 2)
    assert spec.architecture.stages == (Stage(8, stride=2, pool=(2, 1)),)
    assert (spec.architecture.cell, spec.architecture.hidden, spec.temperature) == ("gru", 16, 1.5)
    assert spec.about == {"licence": "Apache-2.0"}
    assert (spec.doubt, spec.word_doubt, spec.language) == (0.0, 0.0, ""), "it never looks again"


def changed(**changes: Any) -> str:
    """The spec as stored, with top-level keys changed; None takes one away."""
    stored = json.loads(SPEC.to_json()) | changes
    return json.dumps({key: value for key, value in stored.items() if value is not None})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "my.onnx: its description is not JSON"),
        ("[]", "my.onnx: not an ocrnn model"),
        ('{"charset": "ab"}', "my.onnx: not an ocrnn model"),
        (changed(ocrnn=FORMAT + 1), rf"has model format {FORMAT + 1}, this ocrnn knows up to {FORMAT}; upgrade"),
        (changed(charset=None), "description is damaged .*charset"),
        (changed(charset="aa"), "description is damaged .*twice"),
        (changed(line_format={"height": 40, "colour": 1}), "description is damaged .*colour"),
        (changed(architecture={"preset": "fast"}), "description is damaged .*stages"),
        (changed(surprise=1), "description is damaged .*surprise"),
        (changed(line_format={"height": 48}), "48 px high but the network takes 40"),
    ],
)
def test_foreign_newer_and_damaged_specs(text: str, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        ModelSpec.from_json(text, name="my.onnx")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("line_format", "width_step"), 0),
        (("line_format", "margin"), -1),
        (("architecture", "hidden"), "5"),
        (("architecture", "layers"), True),
        (("architecture", "cell"), "mamba"),
        (("architecture", "stages", 0, "stride"), 0),
        (("architecture", "stages", 1, "pool"), [2, 0]),
        (("architecture", "stages"), []),
    ],
)
def test_a_stored_number_that_cannot_be_is_damage(place: tuple[str | int, ...], value: object) -> None:
    stored: Any = json.loads(SPEC.to_json())
    holder = stored
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    with pytest.raises(ModelError, match=r"m\.onnx: .*damaged"):
        ModelSpec.from_json(json.dumps(stored), name="m.onnx")


def test_heights_that_differ_name_the_file() -> None:
    stored: Any = json.loads(SPEC.to_json())
    stored["line_format"]["height"] = 48
    with pytest.raises(ModelError, match=r"m\.onnx: lines are 48 px high"):
        ModelSpec.from_json(json.dumps(stored), name="m.onnx")


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": 0}, {"again_power": -1}, {"again_power": "x"}, {"word_power": 0}, {"doubt": 1.5},
     {"word_doubt": "x"}, {"language": 5}, {"language_weight": -1}],
)  # fmt: skip
def test_numbers_that_mean_nothing_are_damage(wrong: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="m.onnx: its description is damaged"):
        ModelSpec.from_json(changed(**wrong), name="m.onnx")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 1, 48, 80), r"float32 \(2, 1, 48, 80\); give float32 \(N, 1, 40, W\)"),
        ((2, 3, 40, 80), "give float32"),
        ((1, 40, 80), "give float32"),
        ((1, 1, 40, 80, 1), "give float32"),
        ((0, 1, 40, 80), "make no frame"),
        ((1, 1, 40, 0), "make no frame"),
        ((1, 1, 40, 81), "81 columns wide; add ground up to a multiple of 4"),
        ((1, 1, 40, 83), "83 columns wide"),
    ],
)
def test_images_that_are_no_prepared_lines_are_refused(shape: tuple[int, ...], message: str) -> None:
    SPEC.check(np.zeros((2, 1, 40, 84), np.float32))
    with pytest.raises(ValueError, match=message):
        SPEC.check(np.zeros(shape, np.float32))


def test_images_of_another_kind_of_number_are_refused() -> None:
    with pytest.raises(ValueError, match="images are float64"):
        SPEC.check(np.zeros((1, 1, 40, 80)))
