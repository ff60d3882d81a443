"""Models as they are put into the package, of small networks that have learned nothing."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest
import torch

from ocrnn.charset import Charset
from ocrnn.data.labels import Sample
from ocrnn.decoding.kneser_ney import estimate
from ocrnn.decoding.packed import pack
from ocrnn.model import file
from ocrnn.model.network import Network
from ocrnn.model.weights import load_weights, save_weights
from ocrnn.spec import ModelSpec
from ocrnn.transcribe.views import is_word
from training import ship


def seeded(path: Path, spec: ModelSpec, seed: int) -> Path:
    torch.manual_seed(seed)
    save_weights(path, Network(spec.architecture, spec.charset.classes).eval(), spec)
    return path


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that models are put into."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setattr(ship, "MODELS", folder)
    return folder


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> None:
    monkeypatch.setattr(sys, "argv", ["ship.py", *map(str, arguments)])
    ship.main()


def networks(model: Path) -> list[tuple[str, bytes]]:
    return [(ship._knows(its.spec), its.content()) for its in file.further(model, file.header(model))]


def test_what_is_shipped_and_shipped_again_with_another_network_for_words(
    digits: list[Sample], spec: ModelSpec, tmp_path: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, lines, words, larger, newer = (seeded(tmp_path / f"{n}.safetensors", spec, n) for n in range(5))
    language = tmp_path / "digits.lm"
    language.write_bytes(pack(estimate(["0123456789", "31415926"], 3)))
    calibrate = ("--calibrate", digits[0].image.parent)
    beside = ("--lines", lines, "--words", words, "--accurate", larger, "--language", language)
    run(monkeypatch, own, "latin", *calibrate, *beside)

    fast, accurate = (shipped / f"{name}.onnx" for name in ("latin", "latin-accurate"))
    assert [knows for knows, _ in networks(fast)] == ["lines", "words"]
    assert [knows for knows, _ in networks(accurate)] == ["lines", "words", "both"]
    assert networks(accurate)[:2] == networks(fast)
    assert not file.header(fast).language and file.header(accurate).language
    doubts = [(file.header(path).doubt, file.header(path).word_doubt) for path in (fast, accurate)]
    assert doubts == [(ship.LINE_DOUBT, ship.WORD_DOUBT), (ship.DOUBT, ship.DOUBT)]
    assert {file.header(path).temperature for path in (fast, accurate)} == {1.0}, "it is inside"
    alone = load_weights(shipped / "latin.safetensors")[1]
    assert (alone.doubt, alone.word_doubt, alone.language) == (ship.LINE_DOUBT, ship.WORD_DOUBT_ALONE, "")

    old = tmp_path / "old.onnx"
    old.write_bytes(accurate.read_bytes())
    run(monkeypatch, own, "latin", *calibrate, "--keep", old, "--words", newer)
    of_lines, of_words, of_both = networks(accurate)
    assert (of_lines, of_both) == (networks(old)[0], networks(old)[2])
    assert of_words[0] == "words" and of_words != networks(old)[1]
    assert networks(fast) == [of_lines, of_words]
    assert file.header(accurate).language == file.header(old).language

    old.write_bytes(accurate.read_bytes())
    run(monkeypatch, own, "latin", *calibrate, "--keep", old, "--also", larger)
    assert [knows for knows, _ in networks(accurate)] == ["lines", "lines", "words", "both"]
    assert [network for network in networks(accurate) if network in networks(old)] == networks(old)
    assert networks(fast) == networks(accurate)[:3]


def test_of_two_networks_of_a_kind_both_are_kept() -> None:
    kept = [("words", b"1"), ("lines", b"2"), ("lines", b"3"), ("both", b"4")]
    replaced = [("lines", b"2"), ("lines", b"3"), ("words", b"5"), ("both", b"4")]
    assert ship._replaced(kept, [("words", b"5")]) == replaced


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--accurate", "a.safetensors"], "--accurate and --language belong together"),
        (["--keep", "a.onnx", "--lines", "b.safetensors"], "--keep stands for"),
        (["--also", "a.safetensors"], "--also goes with --keep"),
    ],
)
def test_options_that_contradict(
    options: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "best.safetensors", "latin", "--calibrate", ".", *options)
    assert said in capsys.readouterr().err


def test_networks_that_cannot_be_taken_are_named(digits: list[Sample], spec: ModelSpec, tmp_path: Path) -> None:
    other = seeded(tmp_path / "other.safetensors", dataclasses.replace(spec, charset=Charset("9876543210")), 1)
    with pytest.raises(SystemExit, match="other.safetensors: reads other characters"):
        ship._further(other, spec, digits, "lines")
    same = seeded(tmp_path / "same.safetensors", spec, 1)
    long = [sample for sample in digits if not is_word(*sample.load().shape)]
    with pytest.raises(SystemExit, match="same.safetensors: none of the lines of --calibrate is short enough"):
        ship._further(same, spec, long, "words")
