"""What a model is, apart from its weights: charset, line format, architecture, history; as JSON in its file."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from ocrnn.charset import Charset
from ocrnn.errors import CharsetError, ModelError, UsageError
from ocrnn.image import LineFormat, check_whole

FORMAT = 1
"""Number of the stored form; a reader refuses files with a higher one."""

Preset = Literal["fast", "accurate", "paper"]
Backbone = Literal["vgg", "resnet"]
Cell = Literal["lstm", "gru", "rnn"]
Collapse = Literal["max", "stack"]


@dataclass(frozen=True)
class Stage:
    """One convolution and what follows it: batch norm, ReLU, max pooling.

    `kernel` is square; `stride` applies to height and width; `pool` is (height, width), 1 for none.
    With `pad` the convolution keeps its size, without it each side loses `kernel - 1`.
    `repeat` further convolutions of the same width follow before the pooling; in a resnet they are residual blocks.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    pool: tuple[int, int] = (1, 1)
    norm: bool = True
    pad: bool = True
    repeat: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError for what no convolution can be."""
        check_whole("stage", channels=self.channels, kernel=self.kernel, stride=self.stride)
        check_whole("stage", least=0, repeat=self.repeat)
        check_whole("pool", height=self.pool[0], width=self.pool[1])

    def size(self, pixels: int, axis: int) -> int:
        """Rows (axis 0) or columns (axis 1) that leave this stage when `pixels` enter it."""
        border = self.kernel // 2 if self.pad else 0
        return ((pixels + 2 * border - self.kernel) // self.stride + 1) // self.pool[axis]


# Table 1 of Shi, Bai, Yao 2015 (arXiv 1507.05717); its "1x2" pools are one column wide and two rows high.
_PAPER = (
    Stage(64, norm=False, pool=(2, 2)),
    Stage(128, norm=False, pool=(2, 2)),
    Stage(256, norm=False),
    Stage(256, norm=False, pool=(2, 1)),
    Stage(512),
    Stage(512, pool=(2, 1)),
    Stage(512, kernel=2, norm=False, pad=False),
)
_FAST = (
    Stage(24, kernel=5, stride=2),
    Stage(48, pool=(2, 2)),
    Stage(96, repeat=1, pool=(2, 1)),
    Stage(160, repeat=1),
)
_ACCURATE = (
    Stage(32, kernel=5, stride=2),
    Stage(64, repeat=1, pool=(2, 2)),
    Stage(128, repeat=2, pool=(2, 1)),
    Stage(256, repeat=2),
)


@dataclass(frozen=True)
class Architecture:
    """What builds the network, and the only place that knows its stride.

    The convolution stack turns a line (1, H, W) into features (K, h, T); `collapse` takes the maximum over the h rows
    ("max", Retsinas et al. 2022, arXiv 2404.11339) or stacks them ("stack"); `layers` bidirectional recurrent layers
    of `hidden` units each way and a linear head give C classes per frame. With `shortcut`, training adds a 1-d
    convolution head on the features with its own CTC loss; reading never runs it.
    """

    preset: Preset = "fast"
    backbone: Backbone = "vgg"
    cell: Cell = "lstm"
    height: int = 40
    stages: tuple[Stage, ...] = _FAST
    collapse: Collapse = "max"
    hidden: int = 160
    layers: int = 2
    dropout: float = 0.0
    shortcut: bool = True

    def __post_init__(self) -> None:
        """Raise ValueError for what no network can be."""
        check_whole("architecture", height=self.height, hidden=self.hidden, layers=self.layers)
        for name, choices in (("backbone", Backbone), ("cell", Cell), ("collapse", Collapse)):
            if getattr(self, name) not in get_args(choices):
                raise ValueError(f"{name} is {getattr(self, name)!r}")
        if not self.stages:
            raise ValueError("architecture has no stages")

    @classmethod
    def named(cls, preset: str, *, backbone: str | None = None, cell: str | None = None) -> Architecture:
        """One of the three known networks, with another backbone or cell where asked for; UsageError for a stranger."""
        known = {
            "fast": cls(),
            "accurate": cls(preset="accurate", backbone="resnet", stages=_ACCURATE, hidden=256, dropout=0.1),
            "paper": cls(preset="paper", height=32, stages=_PAPER, collapse="stack", hidden=256, shortcut=False),
        }
        for option, value, choices in (
            ("--arch", preset, get_args(Preset)),
            ("--backbone", backbone, get_args(Backbone)),
            ("--cell", cell, get_args(Cell)),
        ):
            if value is not None and value not in choices:
                raise UsageError(f"{option} {value}: no such choice; take one of {', '.join(choices)}")
        changes = {name: value for name, value in (("backbone", backbone), ("cell", cell)) if value is not None}
        return dataclasses.replace(known[preset], **changes)  # type: ignore[arg-type]

    @property
    def stride(self) -> int:
        """Columns of a line from one frame to the next: a line cut at a multiple of it keeps its frames."""
        return math.prod(stage.stride * stage.pool[1] for stage in self.stages)

    def frames(self, width: int) -> int:
        """T of a prepared line W pixels wide."""
        for stage in self.stages:
            width = stage.size(width, axis=1)
        return max(0, width)

    def rows(self) -> int:
        """h: rows of features left above one another before they are collapsed."""
        height = self.height
        for stage in self.stages:
            height = stage.size(height, axis=0)
        return height


@dataclass(frozen=True)
class ModelSpec:
    """Everything a model file says beside its weights.

    `temperature` divides the logits before confidences are computed (Guo et al. 2017, arXiv 1706.04599), 1 where
    nothing was fitted or a graph has it inside. A line whose text is less likely than `doubt` (0..1) is looked at again
    in other views, a word also below `word_doubt`; that takes many times as long, and with 0 none is. A network that
    another model brings for this takes part in second looks at words where its own `word_doubt` is above 0, and at
    other lines where its `doubt` is. The probability that the views then give to a text is raised to `again_power` to
    be one that holds, that of a word to `word_power`. `language` is what the model knows of languages, used in such a
    second look, for the text and then for how sure it is, and counting `language_weight` there: a packed language model
    (`decoding.packed`) in base 64, empty for none. `about` is free text for people, by heading: data, licence, scores.
    """

    charset: Charset
    line_format: LineFormat = field(default_factory=LineFormat)
    architecture: Architecture = field(default_factory=Architecture)
    temperature: float = 1.0
    doubt: float = 0.0
    word_doubt: float = 0.0
    again_power: float = 1.0
    word_power: float = 1.0
    language: str = field(default="", repr=False)
    language_weight: float = 0.0
    about: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a line format whose height the network was not built for; ValueError for numbers that mean nothing."""
        if not all(0 < number < math.inf for number in (self.temperature, self.again_power, self.word_power)):
            raise ValueError("a temperature and powers are above 0")
        if not (0 <= self.doubt <= 1 and 0 <= self.word_doubt <= 1 and 0 <= self.language_weight < math.inf):
            raise ValueError("doubts are from 0 to 1, and a weight is no less than 0")
        if not isinstance(self.language, str):
            raise ValueError("language is no text")
        if self.line_format.height != self.architecture.height:
            raise ModelError(
                f"lines are {self.line_format.height} px high but the network takes {self.architecture.height}; "
                f"give both the same height"
            )

    def check(self, images: npt.NDArray[Any]) -> None:
        """ValueError for what are no prepared lines (N, 1, H, W) float32 of this model, or too narrow for a frame.

        W is a multiple of the network's stride: of `width_step` where a line is whole, and long ones are cut so.
        """
        height = self.line_format.height
        if images.dtype != np.float32 or images.ndim != 4 or images.shape[1:3] != (1, height):
            raise ValueError(f"images are {images.dtype} {images.shape}; give float32 (N, 1, {height}, W)")
        if not len(images) or self.architecture.frames(images.shape[3]) < 1:
            raise ValueError(f"images {images.shape} make no frame; give at least one line, and a wider one")
        if images.shape[3] % self.architecture.stride:
            stride = self.architecture.stride
            raise ValueError(f"images are {images.shape[3]} columns wide; add ground up to a multiple of {stride}")

    def to_json(self) -> str:
        """One line of JSON, keys in a fixed order."""
        return json.dumps(
            {
                "ocrnn": FORMAT,
                "charset": self.charset.characters,
                "line_format": dataclasses.asdict(self.line_format),
                "architecture": dataclasses.asdict(self.architecture),
                "temperature": self.temperature,
                "doubt": self.doubt,
                "word_doubt": self.word_doubt,
                "again_power": self.again_power,
                "word_power": self.word_power,
                "language": self.language,
                "language_weight": self.language_weight,
                "about": self.about,
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str, *, name: str = "model") -> ModelSpec:
        """Spec of a stored model called `name`; ModelError names what is foreign, newer, missing or unknown in it."""
        try:
            stored = json.loads(text)
        except json.JSONDecodeError:
            raise ModelError(f"{name}: its description is not JSON; the file is damaged, fetch it again") from None
        if not isinstance(stored, dict) or not isinstance(stored.get("ocrnn"), int):
            raise ModelError(f"{name}: not an ocrnn model; make one with `ocrnn train` or `ocrnn export`")
        if stored["ocrnn"] > FORMAT:
            raise ModelError(
                f"{name}: has model format {stored['ocrnn']}, this ocrnn knows up to {FORMAT}; upgrade ocrnn"
            )
        try:
            body = {key: value for key, value in stored.items() if key != "ocrnn"}
            body["charset"] = Charset(body["charset"])
            body["line_format"] = LineFormat(**body["line_format"])
            network = dict(body["architecture"])
            network["stages"] = tuple(Stage(**{**stage, "pool": tuple(stage["pool"])}) for stage in network["stages"])
            body["architecture"] = Architecture(**network)
            return cls(**body)
        except ModelError as fault:
            raise ModelError(f"{name}: {fault}") from None
        except (KeyError, TypeError, ValueError, AttributeError, CharsetError) as fault:
            raise ModelError(f"{name}: its description is damaged ({fault}); fetch the file again") from None
