import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

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
    grown = with_classes(network, [*range(spec.charset.classes), None, None, None]).eval()
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
    with pytest.raises(OutputError, match="cannot be written .*; make room, or choose another place"):
        Run.prepare(options(digits, tmp_path / "file" / "run"))


def test_only_unusable_lines_are_a_label_error_that_names_one(digits: list[Sample], tmp_path: Path) -> None:
    for sample in digits:
        sample.image.with_suffix(".gt.txt").write_text("", encoding="utf-8")
    with pytest.raises(LabelError, match="no usable line"):
        Run.prepare(options(digits, tmp_path / "run"))


def test_options_that_contradict_are_refused(digits: list[Sample], start: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="leave them out with --from"):
        Run.prepare(options(digits, tmp_path / "run", from_model=str(start), arch="paper"))
    with pytest.raises(UsageError, match="add --synth"):
        Run.prepare(options(digits, tmp_path / "run", fonts=tmp_path))
    twice = (digits[0].image.parent, tmp_path / "." / "digits" / ".." / "digits")
    with pytest.raises(UsageError, match=r"--data .*digits: is named twice; name it once"):
        Run.prepare(dataclasses.replace(options(digits, tmp_path / "run"), data=twice))
    assert not (tmp_path / "run").exists()


def test_validation_lines_of_their_own_are_never_trained_on(
    digits: list[Sample], many_digits: list[Sample], tmp_path: Path
) -> None:
    run = Run.prepare(options(digits, tmp_path / "run", val=many_digits[0].image.parent))
    assert len(run.training) == 60
    assert len(run.validation) == 300


def test_lines_that_are_in_both_folders_are_validated_with_and_never_learned(
    digits: list[Sample], tmp_path: Path
) -> None:
    data = digits[0].image.parent
    both = tmp_path / "both.tsv"
    rows = (f"{os.path.relpath(sample.image, tmp_path)}\t{sample.text}\n" for sample in digits[:6])
    both.write_text("".join(rows), encoding="utf-8")
    run = Run.prepare(options(digits, tmp_path / "run", val=both))
    assert not {s.image.resolve() for s in run.training} & {s.image.resolve() for s in run.validation}
    assert (len(run.training), len(run.validation)) == (len(digits) - 6, 6)
    assert sum("is in --val too, and only validated with" in str(problem) for problem in run.problems) == 6
    with pytest.raises(LabelError, match=r"no usable line to train on; first: .*000\.gt\.txt:1: 000\.png is in --val"):
        Run.prepare(options(digits, tmp_path / "none", val=data))


def test_a_table_of_labels_is_data_too(digits: list[Sample], tmp_path: Path) -> None:
    table = digits[0].image.parent / "some.csv"
    table.write_text("".join(f"{s.image.name},{s.text}\n" for s in digits[:9]), encoding="utf-8")
    run = Run.prepare(dataclasses.replace(options(digits, tmp_path / "run"), data=(table,)))
    assert len(run.training) + len(run.validation) == 9


def test_one_line_and_lines_of_one_pixel(digits: list[Sample], tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.mkdir()
    Image.new("L", (1, 1), 255).save(one / "0.png")
    (one / "0.txt").write_text("a")
    alone = dataclasses.replace(options(digits, tmp_path / "run"), data=(one,))
    with pytest.raises(LabelError, match="no usable line to .*; give more lines, or --val DIR"):
        Run.prepare(alone)
    run = Run.prepare(dataclasses.replace(alone, val=digits[0].image.parent))
    events = list(run.events())
    assert isinstance(events[-1], Epoch)
    assert events[-1].stopped == "epoch 1 was the last asked for"


def test_a_resumed_run_keeps_the_score_of_its_best(digits: list[Sample], tmp_path: Path) -> None:
    asked = options(digits, tmp_path / "run", epochs=2, seed=3)
    run = Run.prepare(asked)
    list(run.events())
    scores = {epoch.number: round(epoch.score.cer, 5) for epoch in run.epochs}
    (tmp_path / "run" / "best.onnx").unlink()
    again = Run.prepare(dataclasses.replace(asked, resume=True))
    assert list(again.events()) == []
    # It was killed before it had exported, say.
    about = Reader.open(tmp_path / "run" / "best.onnx").model.spec.about
    assert about["validation"]["cer"] == min(scores.values())
    assert (about["name"], about["data"]) == ("run", f"{len(run.training)} lines of digits")
    digits[0].image.with_suffix(".gt.txt").write_text("999", encoding="utf-8")
    for change, name in (({}, "training lines|validation lines"), ({"augment": None}, "--augment")):
        with pytest.raises(UsageError, match=f"made with other .*({name})"):
            list(Run.prepare(dataclasses.replace(asked, resume=True, **change)).events())  # type: ignore[arg-type]


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
