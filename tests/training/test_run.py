import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from ocrnn.data.labels import Sample
from ocrnn.errors import CharsetError, LabelError, OutputError, UsageError
from ocrnn.image import load_lines
from ocrnn.model.network import Network, with_classes
from ocrnn.model.runtime import open_model
from ocrnn.model.weights import load_weights, save_weights
from ocrnn.spec import ModelSpec
from ocrnn.training import run as module
from ocrnn.training.loop import Epoch
from ocrnn.training.run import Options, Run
from ocrnn.transcribe.reader import Reader


@pytest.fixture(autouse=True)
def short_epochs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "LEAST_LINES", 20)
    yield


@pytest.fixture
def start(tmp_path: Path, spec: ModelSpec) -> Path:
    """A stored model that knows the digits' charset but has learned nothing."""
    torch.manual_seed(0)
    path = tmp_path / "start.safetensors"
    save_weights(path, Network(spec.architecture, spec.charset.classes), spec)
    return path


def options(digits: list[Sample], out: Path, **more: object) -> Options:
    return dataclasses.replace(Options((digits[0].image.parent,), out, epochs=1), **more)  # type: ignore[arg-type]


def test_a_run_leaves_a_model_that_reads_and_knows_where_it_comes_from(digits: list[Sample], tmp_path: Path) -> None:
    run = Run.prepare(options(digits, tmp_path / "run"))
    assert len(run.training) + len(run.validation) == len(digits)
    assert not {s.image for s in run.training} & {s.image for s in run.validation}
    events = list(run.events())
    assert isinstance(events[-1], Epoch)
    assert run.spec.charset.characters == "0123456789"
    reader = Reader.open(tmp_path / "run" / "best.onnx")
    about = reader.model.spec.about
    assert about["data"] == f"{len(run.training)} lines of digits"
    assert about["validation"]["lines"] == len(run.validation)
    reader.read(digits[0].image)
    # The file to train on and the file to read with are one model.
    network, spec = load_weights(tmp_path / "run" / "best.safetensors")
    assert spec == reader.model.spec
    image = spec.line_format.prepare(load_lines(digits[0].image)[0])[None]
    with torch.inference_mode():
        expected = network.eval()(torch.from_numpy(image)).numpy()
    assert np.abs(open_model(tmp_path / "run" / "best.onnx").infer(image) - expected).max() < 1e-4


def test_new_characters_are_added_dropped_or_refused(digits: list[Sample], start: Path, tmp_path: Path) -> None:
    digits[3].image.with_suffix(".gt.txt").write_text("4ß", encoding="utf-8")
    grown = Run.prepare(options(digits, tmp_path / "add", from_model=str(start)))
    assert grown.spec.charset.characters == "0123456789ß"
    assert grown.network.head.out_features == 12
    dropped = Run.prepare(options(digits, tmp_path / "drop", from_model=str(start), new_chars="drop"))
    assert dropped.spec.charset.characters == "0123456789"
    assert len(dropped.training) + len(dropped.validation) == len(digits) - 1
    assert [str(p) for p in dropped.problems if "003.gt.txt" in p.where and "ß" in p.what]
    with pytest.raises(CharsetError, match=r"003\.gt\.txt.*'ß' is not in the charset; .*--new-chars add"):
        Run.prepare(options(digits, tmp_path / "fail", from_model=str(start), new_chars="fail"))


def test_a_larger_charset_keeps_what_the_model_knew(spec: ModelSpec) -> None:
    torch.manual_seed(2)
    network = Network(spec.architecture, spec.charset.classes).eval()
    grown = with_classes(network, spec.charset.classes + 3).eval()
    images = torch.rand(2, 1, 16, 48)
    with torch.inference_mode():
        old, new = network(images), grown(images)
    assert new.shape[2] == old.shape[2] + 3
    # Old classes keep their odds against one another, and new ones do not come first.
    assert torch.allclose(new[:, :, :11] - new[:, :, :1], old - old[:, :, :1], atol=1e-5)
    assert int(new.argmax(2).max()) < 11


def test_a_full_folder_is_refused_and_kept(digits: list[Sample], tmp_path: Path) -> None:
    out = tmp_path / "run"
    list(Run.prepare(options(digits, out)).events())
    before = (out / "best.onnx").read_bytes()
    with pytest.raises(OutputError, match="already holds a run; go on with --resume, or give another --out"):
        Run.prepare(options(digits, out))
    assert (out / "best.onnx").read_bytes() == before
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written .*; give another --out"):
        Run.prepare(options(digits, tmp_path / "file" / "run"))


def test_only_unusable_lines_are_a_label_error_that_names_one(digits: list[Sample], tmp_path: Path) -> None:
    for sample in digits:
        sample.image.with_suffix(".gt.txt").write_text("", encoding="utf-8")
    with pytest.raises(LabelError, match="no usable line"):
        Run.prepare(options(digits, tmp_path / "run"))


def test_options_that_contradict_are_refused(digits: list[Sample], start: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="leave them out with --from"):
        Run.prepare(options(digits, tmp_path / "run", from_model=str(start), arch="paper"))


def test_validation_lines_of_their_own_are_never_trained_on(
    digits: list[Sample], many_digits: list[Sample], tmp_path: Path
) -> None:
    run = Run.prepare(options(digits, tmp_path / "run", val=many_digits[0].image.parent))
    assert len(run.training) == 60
    assert len(run.validation) == 300


def test_synthetic_lines_say_what_the_labels_say(digits: list[Sample], tmp_path: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    fonts = tmp_path / "fonts"
    fonts.mkdir()
    face = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    (fonts / face.name).write_bytes(face.read_bytes())
    run = Run.prepare(options(digits, tmp_path / "run", synth=True, fonts=fonts))
    plan = run.plan(1)
    real = [entry for entry in plan if entry[0] is run.sources[0]]
    assert len(plan) == 2 * len(real)
    rng = np.random.default_rng(0)
    drawn = [run.sources[1].draw(n, rng) for n in range(60)]
    assert all(not run.spec.charset.strangers(text) for _, text in drawn)
    labels = {sample.text for sample in run.training}
    assert sum(text in labels for _, text in drawn) >= 8
