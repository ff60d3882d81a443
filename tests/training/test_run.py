import dataclasses
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ocrnn.charset import Charset
from ocrnn.data.copies import copy_lines
from ocrnn.data.labels import Sample, read_labels
from ocrnn.data.lines import Store
from ocrnn.errors import CharsetError, LabelError, OutputError, UsageError
from ocrnn.evaluation.score import evaluate, read_samples
from ocrnn.image import load_lines
from ocrnn.model.executors import TorchModel
from ocrnn.model.network import Network
from ocrnn.model.runtime import open_model
from ocrnn.model.weights import load_weights, save_weights
from ocrnn.spec import ModelSpec
from ocrnn.training import run as module
from ocrnn.training.loop import Epoch
from ocrnn.training.options import Options
from ocrnn.training.run import Run
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


def test_a_smaller_charset_drops_characters_and_keeps_the_rest_in_their_order(
    digits: list[Sample], start: Path, tmp_path: Path
) -> None:
    wanted = tmp_path / "wanted.txt"
    wanted.write_text("\n".join("x98765432"), encoding="utf-8")
    asked = options(digits, tmp_path / "drop", from_model=str(start), charset=str(wanted), new_chars="drop")
    run = Run.prepare(asked)
    assert run.spec.charset.characters == "23456789x"
    assert (run.added, run.dropped) == ("x", "01")
    usable = {sample.text for sample in digits if not set(sample.text) & set("01")}
    assert {sample.text for sample in (*run.training, *run.validation)} == usable
    assert len(run.problems) == sum(sample.text not in usable for sample in digits)
    old, _ = load_weights(start)
    assert torch.equal(run.network.head.weight[1:9], old.head.weight[3:11])
    asked.out.rmdir()
    added = Run.prepare(dataclasses.replace(asked, new_chars="add"))
    assert set(added.spec.charset.characters) == set("0123456789x")
    assert added.dropped == ""


def test_a_network_without_a_shortcut_gets_a_rate_that_suits_it(
    digits: list[Sample], start: Path, tmp_path: Path
) -> None:
    def rate(**more: object) -> float:
        return Run.prepare(options(digits, tmp_path / "run", resume=True, **more)).settings.learning_rate

    assert rate() == 2e-3
    assert rate(arch="accurate", cell="gru") == 2e-3
    assert rate(from_model=str(start)) == 1e-3
    assert rate(arch="paper") == rate(arch="paper", backbone="resnet") == 5e-4
    assert rate(arch="paper", lr=1e-2) == 1e-2
    network, spec = load_weights(start)
    plain = dataclasses.replace(spec, architecture=dataclasses.replace(spec.architecture, shortcut=False))
    save_weights(start, Network(plain.architecture, network.head.out_features), plain)
    assert rate(from_model=str(start)) == 5e-4


@pytest.mark.parametrize("names", ["conv", "head", "conv,rnn"])
def test_frozen_parts_are_bit_equal_after_training_and_the_others_are_not(
    digits: list[Sample], start: Path, tmp_path: Path, names: str
) -> None:
    run = Run.prepare(options(digits, tmp_path / "run", from_model=str(start), freeze=names, lr=0.01))
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    list(run.events())
    frozen = {*names.split(","), *(["shortcut"] if "head" in names else [])}
    for name, value in run.network.state_dict().items():
        assert torch.equal(value, before[name]) is (name.split(".")[0] in frozen), name
    changed = dataclasses.replace(run.options, resume=True, freeze=None)
    with pytest.raises(UsageError, match=rf"made with --freeze {names} \(now left out\); repeat its options"):
        list(Run.prepare(changed).events())


def test_a_frozen_head_cannot_learn_new_characters(digits: list[Sample], start: Path, tmp_path: Path) -> None:
    digits[3].image.with_suffix(".gt.txt").write_text("4ß", encoding="utf-8")
    with pytest.raises(UsageError, match="--freeze head: 'ß' is new to the model, and its head must learn it"):
        Run.prepare(options(digits, tmp_path / "run", from_model=str(start), freeze="head"))


def test_rehearsed_lines_are_the_share_asked_for_and_of_the_start_models_characters(
    digits: list[Sample], start: Path, fonts: Path, tmp_path: Path
) -> None:
    digits[3].image.with_suffix(".gt.txt").write_text("4ß", encoding="utf-8")
    asked = options(digits, tmp_path / "run", from_model=str(start), rehearse=0.25, fonts=fonts)
    run = Run.prepare(asked)
    plan = run.plan(1)
    drawn = [entry for entry in plan if entry[0] is run.sources[1]]
    assert len(drawn) / len(plan) == pytest.approx(0.25, abs=0.01)
    assert [number for _, number in drawn] == list(range(len(drawn)))
    thirds = [plan[at : at + len(plan) // 3] for at in range(0, len(plan), len(plan) // 3)]
    assert all(abs(sum(source is run.sources[1] for source, _ in part) / len(part) - 0.25) < 0.1 for part in thirds[:3])
    texts = [run.sources[1].draw(n, np.random.default_rng(n))[1] for n in range(30)]
    assert run.known is not None
    assert not run.known.strangers("".join(texts))
    # Beside as many synthetic lines of the labels it is the same share of all.
    both = Run.prepare(dataclasses.replace(asked, out=tmp_path / "both", synth=True)).plan(1)
    assert sum(source is not both[0][0] for source, _ in both) / len(both) == pytest.approx(1 - 0.75 / 2, abs=0.01)


def test_without_fonts_only_rehearsing_is_refused(
    digits: list[Sample], start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocrnn.synth.fonts.system_folders", lambda: (tmp_path / "nowhere",))
    asked = options(digits, tmp_path / "run", from_model=str(start))
    run = Run.prepare(asked)
    list(run.events())
    assert run.outcome is not None
    assert run.outcome.old is None
    assert run.outcome.no_old.startswith("this system has no fonts for this charset")
    with pytest.raises(UsageError, match="--rehearse: this system has no fonts for this charset; give --fonts"):
        Run.prepare(dataclasses.replace(asked, out=tmp_path / "second", rehearse=0.2))


def test_the_end_tells_new_and_old_kind_before_and_after(
    digits: list[Sample], start: Path, fonts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocrnn.training.tuning.OLD_LINES", 12)
    # A start that always writes something, and the wrong thing: a few steps of training are better.
    network, spec = load_weights(start)
    network.head.bias.data[0] = -20
    save_weights(start, network, spec)
    asked = options(digits, tmp_path / "run", from_model=str(start), fonts=fonts, epochs=3, lr=0.2, batch=4)
    run = Run.prepare(asked)
    list(run.events())
    outcome = run.outcome
    assert outcome is not None
    assert outcome.old is not None
    scores = {epoch.number: epoch.score for epoch in run.epochs}
    best = run.epochs[-1].best_epoch
    assert best > 0
    assert outcome.new.before == (scores[0].cer, scores[0].cer_low, scores[0].cer_high)
    assert outcome.new.after == (scores[best].cer, scores[best].cer_low, scores[best].cer_high)
    assert (outcome.new.lines, outcome.old.lines, outcome.kept) == (len(run.validation), 12, False)
    about = Reader.open(tmp_path / "run" / "best.onnx").model.spec.about
    assert about["new lines"]["cer after"] == round(scores[best].cer, 5)
    assert about["old kind"]["lines"] == 12
    assert about["started from"] == str(start)
    # A sitting that only finishes asks both models again, and finds the same.
    (tmp_path / "run" / "best.onnx").unlink()
    again = Run.prepare(dataclasses.replace(asked, resume=True))
    assert list(again.events()) == []
    assert again.outcome == outcome
    # A run that comes to nothing has the start to show, and says so.
    ruin = Run.prepare(
        options(digits, tmp_path / "ruin", from_model=str(tmp_path / "run" / "best.safetensors"), fonts=fonts, lr=5.0)
    )
    list(ruin.events())
    assert ruin.outcome is not None
    assert ruin.outcome.kept is (ruin.epochs[-1].best_epoch == 0)
    if ruin.outcome.kept:
        assert ruin.outcome.new.before == ruin.outcome.new.after
    about = Reader.open(tmp_path / "ruin" / "best.onnx").model.spec.about
    assert ("training" in about) is ruin.outcome.kept
    assert about["started from"] == "run"


def test_figures_told_at_the_end_are_those_of_the_file_to_read_with(
    digits: list[Sample], start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refitted(model: TorchModel, _: object) -> tuple[ModelSpec, int]:
        return dataclasses.replace(model.spec, charset=Charset("1234567890")), 1  # it reads otherwise from here on

    monkeypatch.setattr(module, "second_look", refitted)
    network, spec = load_weights(start)
    network.head.bias.data[0] = -20  # a start that always writes something
    save_weights(start, network, spec)
    run = Run.prepare(options(digits, tmp_path / "run", from_model=str(start), lr=1e-6))
    list(run.events())
    reader = Reader.open(tmp_path / "run" / "best.onnx")
    read = evaluate(read_samples(run.validation, reader))
    about = reader.model.spec.about
    assert run.outcome is not None
    assert read.score.cer != run.epochs[-1].score.cer
    assert run.written == read.score
    assert about["validation"]["cer"] == round(read.score.cer, 5)
    assert about["calibration"]["lines"] == len(run.validation)
    assert run.outcome.new.after[0] == read.score.cer


def test_a_finished_run_is_left_as_it_is(
    digits: list[Sample], start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def halved(model: TorchModel, _: object) -> tuple[ModelSpec, int]:
        return dataclasses.replace(model.spec, word_power=model.spec.word_power / 2), 1

    def files() -> dict[Path, tuple[int, bytes]]:
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in out.iterdir()}

    monkeypatch.setattr(module, "second_look", halved)
    monkeypatch.setattr("ocrnn.synth.fonts.system_folders", lambda: ())
    out = tmp_path / "run"
    asked = options(digits, out, from_model=str(start))
    list(Run.prepare(asked).events())
    before = files()
    asked = dataclasses.replace(asked, resume=True)
    again = Run.prepare(asked)
    assert list(again.events()) == []
    assert files() == before
    # One that was killed before it was told what it came to is finished now, from the powers of its start.
    (out / "best.onnx").unlink()
    again = Run.prepare(asked)
    assert list(again.events()) == [] and again.outcome is not None
    assert load_weights(out / "best.safetensors")[1].word_power == 0.5
    assert files()[out / "best.onnx"][1] == before[out / "best.onnx"][1]


def test_a_full_folder_is_refused_and_kept(digits: list[Sample], tmp_path: Path) -> None:
    out = tmp_path / "run"
    list(Run.prepare(options(digits, out)).events())
    before = (out / "best.onnx").read_bytes()
    with pytest.raises(OutputError, match="already holds a run; go on with --resume, or give another --out"):
        Run.prepare(options(digits, out))
    assert (out / "best.onnx").read_bytes() == before
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written .*; choose another place"):
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
    for option, value in (("freeze", "conv"), ("rehearse", 0.2)):
        with pytest.raises(UsageError, match=f"--{option}: keeps what a model knows, .*; add --from"):
            Run.prepare(options(digits, tmp_path / "run", **{option: value}))
    with pytest.raises(UsageError, match="--rehearse 1: not a share below 1"):
        Run.prepare(options(digits, tmp_path / "run", from_model=str(start), rehearse=1.0))
    with pytest.raises(UsageError, match="--freeze stem: the network has no such part"):
        Run.prepare(options(digits, tmp_path / "run", from_model=str(start), freeze="stem"))
    twice = (digits[0].image.parent, tmp_path / "." / "digits" / ".." / "digits")
    with pytest.raises(UsageError, match=r"--data .*digits: is named twice; name it once"):
        Run.prepare(dataclasses.replace(options(digits, tmp_path / "run"), data=twice))
    assert not (tmp_path / "run").exists()


def test_validation_lines_of_their_own_are_never_trained_on(
    digits: list[Sample], other_digits: list[Sample], tmp_path: Path
) -> None:
    """Nor are others whose pictures are the same: here, those of the same text."""
    said = {sample.text for sample in other_digits}
    alone = [sample.text for sample in digits if sample.text not in said]
    run = Run.prepare(options(digits, tmp_path / "run", val=other_digits[0].image.parent))
    assert [sample.text for sample in run.training] == alone and len(alone) < 60
    assert len(run.validation) == 60
    assert len(run.problems) == 60 - len(alone)


def test_pictures_that_are_the_same_are_on_one_side(digits: list[Sample], tmp_path: Path) -> None:
    for sample in digits[::2]:
        copy = sample.image.with_name(f"copy {sample.image.name}")
        shutil.copy(sample.image, copy)
        copy.with_suffix(".gt.txt").write_text(sample.text, encoding="utf-8")
    run = Run.prepare(options(digits, tmp_path / "run", val_split=0.3))
    sides = [{sample.load().tobytes() for sample in lines} for lines in (run.training, run.validation)]
    assert all(sides) and not sides[0] & sides[1]
    assert [remarks.kind for remarks in run.remarks] == ["same picture and text twice"]


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
    leaks = [problem for problem in run.problems if "is in --val too, and only validated with" in str(problem)]
    assert len(leaks) == 6
    with pytest.raises(LabelError, match=r"no usable line to train on; first: .*000\.gt\.txt:1: 000\.png is in --val"):
        Run.prepare(options(digits, tmp_path / "none", val=data))


def test_a_folder_that_nothing_can_be_validated_with_is_named_by_its_own_fault(
    digits: list[Sample], other_digits: list[Sample], tmp_path: Path
) -> None:
    digits[0].image.with_suffix(".gt.txt").write_text("", encoding="utf-8")
    val = other_digits[0].image.parent
    for sample in other_digits:
        sample.image.with_suffix(".gt.txt").write_text("9" * 90, encoding="utf-8")
    with pytest.raises(LabelError) as found:
        Run.prepare(options(digits, tmp_path / "run", val=val))
    assert str(found.value).startswith(f"{val}: no usable line to validate with; first: {val}{os.sep}000.gt.txt:1: 90 ")


def test_a_run_that_cannot_be_prepared_leaves_no_folder_that_it_made(digits: list[Sample], tmp_path: Path) -> None:
    digits[3].image.with_suffix(".gt.txt").write_text("4ß", encoding="utf-8")
    asked = options(digits, tmp_path / "runs" / "one", charset="ascii", new_chars="fail")
    with pytest.raises(CharsetError):
        Run.prepare(asked)
    assert not (tmp_path / "runs").exists()
    asked.out.mkdir(parents=True)
    with pytest.raises(CharsetError):
        Run.prepare(asked)
    assert asked.out.is_dir(), "it was there before"


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
    with pytest.raises(
        LabelError,
        match="one: the only usable line cannot be both learned and validated; give more lines, or --val DIR",
    ):
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
    for change, name in (
        ({}, "other (training|validation) lines"),
        ({"augment": None}, r"--augment light \(now none\)"),
    ):
        with pytest.raises(UsageError, match=f"made with {name}"):
            list(Run.prepare(dataclasses.replace(asked, resume=True, **change)).events())  # type: ignore[arg-type]


def test_synthetic_lines_say_what_the_labels_say(digits: list[Sample], fonts: Path, tmp_path: Path) -> None:
    run = Run.prepare(options(digits, tmp_path / "run", synth=True, fonts=fonts))
    plan = run.plan(1)
    real = [entry for entry in plan if entry[0] is run.sources[0]]
    assert len(plan) == 2 * len(real)
    rng = np.random.default_rng(0)
    drawn = [run.sources[1].draw(n, rng) for n in range(60)]
    assert all(not run.spec.charset.strangers(text) for _, text in drawn)
    labels = {sample.text for sample in run.training}
    assert sum(text in labels for _, text in drawn) >= 8


def test_shards_are_trained_on_as_their_files_are(digits: list[Sample], tmp_path: Path) -> None:
    """The same lines fit, the same held out; stopped in the middle and gone on with, the same weights to the bit."""
    list(copy_lines(read_labels(digits[0].image.parent).samples, tmp_path / "shards", "tar", lines=9))
    of_files = Run.prepare(options(digits, tmp_path / "of files"))

    def ready(out: str, *, resume: bool = False) -> Run:
        asked = Options((tmp_path / "shards",), tmp_path / out, epochs=1, resume=resume, deterministic=True)
        return Run.prepare(asked)

    whole = ready("whole")
    assert isinstance(whole.training, Store) and isinstance(whole.validation, Store)
    for mine, theirs in ((whole.training, of_files.training), (whole.validation, of_files.validation)):
        assert [(sample.name, sample.text) for sample in mine] == [(s.name, s.text) for s in theirs]
        assert all(np.array_equal(a.load(), b.load()) for a, b in zip(mine, theirs, strict=True))
    events = list(whole.events())
    stop = threading.Event()
    for count, _ in enumerate(ready("broken").events(stop)):
        if count == len(events) // 2:
            stop.set()
    list(ready("broken", resume=True).events())
    one, other = (load_weights(tmp_path / out / "best.safetensors")[0].state_dict() for out in ("whole", "broken"))
    assert all(torch.equal(one[name], other[name]) for name in one)
