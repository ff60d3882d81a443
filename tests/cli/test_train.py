import errno
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw, ImageFont

from ocrnn.cli.main import program
from ocrnn.cli.places import check_sheet
from ocrnn.training.run import Run


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """Twenty-four drawn numbers with their texts beside them."""
    folder = tmp_path / "lines"
    folder.mkdir()
    rng = np.random.default_rng(1)
    font = ImageFont.load_default(24)
    for number in range(24):
        text = str(rng.integers(100, 1000))
        picture = Image.new("L", (60, 32), 255)
        ImageDraw.Draw(picture).text((5, 2), text, font=font, fill=0)
        picture.save(folder / f"{number:02}.png")
        (folder / f"{number:02}.txt").write_text(text, encoding="utf-8")
    return folder


def ocrnn(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(program, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_help_shows_how_to_begin() -> None:
    status, out, _ = ocrnn("train", "--help")
    assert status == 0
    assert "ocrnn train --data lines --from latin" in out


def test_a_minute_from_lines_to_a_model_that_reads(lines: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    sheet = tmp_path / "sheet.png"
    status, stdout, stderr = ocrnn(
        "train",
        "--data",
        lines,
        "--val-split",
        "0.3",
        "--out",
        out,
        "--minutes",
        "0.02",
        "--threads",
        "1",
        "--show-augmented",
        sheet,
    )
    assert status == 0
    assert stdout == f"{out / 'best.onnx'}\n"
    assert "epoch    1  CER" in stderr
    assert stderr.startswith(f"check: {len(list(lines.glob('*.png')))} lines can be learned, 0 cannot\nremarks: ")
    assert "0.02 minutes are over" in stderr
    assert {p.name for p in out.iterdir()} == {
        "best.onnx", "best.safetensors", "curves.png", "history.csv", "last.checkpoint", "report.html"
    }  # fmt: skip
    check_sheet(str(sheet))  # it may be made again
    assert sheet.is_file()
    status, text, _ = ocrnn("read", "-m", out / "best.onnx", lines / "00.png")
    assert status == 0
    assert set(text) <= set("0123456789\n")


def test_going_on_from_a_model_says_what_is_new_to_it_and_what_became_of_the_old(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ocrnn.charset import Charset
    from ocrnn.model.network import Network
    from ocrnn.model.weights import save_weights
    from ocrnn.spec import ModelSpec

    fonts = tmp_path / "fonts"
    fonts.mkdir()
    matplotlib = pytest.importorskip("matplotlib")
    face = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    (fonts / face.name).write_bytes(face.read_bytes())
    monkeypatch.setattr("ocrnn.training.tuning.OLD_LINES", 4)
    spec = ModelSpec(Charset("0123456789xyz"), about={"name": "numbers"})
    save_weights(tmp_path / "start.safetensors", Network(spec.architecture, spec.charset.classes), spec)
    (tmp_path / "digits.txt").write_text("\n".join("0123456789€\u200b"), encoding="utf-8")
    arguments = ("--from", tmp_path / "start.safetensors", "--charset", tmp_path / "digits.txt", "--freeze", "conv")
    more = ("--rehearse", "0.5", "--fonts", fonts, "--out", tmp_path / "run", "--minutes", "0.001", "--threads", "1")
    status, stdout, stderr = ocrnn("train", "--data", lines, *arguments, *more)
    assert (status, stdout) == (0, f"{tmp_path / 'run' / 'best.onnx'}\n")
    assert f"2 characters new to {tmp_path / 'start.safetensors'}: € U+200B\n" in stderr
    assert f"3 characters dropped from {tmp_path / 'start.safetensors'}: x y z\n" in stderr
    assert re.search(r"^new lines +\d+ +[\d.]+ \([\d.]+ to [\d.]+\) +[\d.]+ \(", stderr, re.MULTILINE)
    assert re.search(r"^its old kind +4 +", stderr, re.MULTILINE)
    _, told, _ = ocrnn("info", tmp_path / "run" / "best.onnx")
    assert re.search(r"^started from +numbers$", told, re.MULTILINE)
    assert re.search(r"^old kind +lines 4, cer before [\d.]+, interval before ", told, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere"], "Path 'nowhere' does not exist"),
        (["--data", "LINES", "--val-split", "1"], "1.0 is not in the range 0<x<1"),
        (["--data", "LINES", "--charset", "klingon"], "klingon: no such charset; name a file or one of: ascii"),
        (["--data", "LINES", "--from", "nosuch"], "nosuch"),
        (["--data", "LINES", "--from", "latin", "--arch", "paper"], "leave them out with --from"),
        (["--data", "EMPTY"], "line.gt.txt"),
        (["--data", "LINES", "--data", "LINES"], "is named twice; name it once"),
        (["--data", "LINES", "--val", "LINES"], "00.png is in --val too"),
        (["--data", "LINES", "--val", "EMPTY", "--val-split", "0.2"], "--split-by part the lines of --data; leave"),
        (["--data", "LINES", "--val", "EMPTY", "--split-by", "document"], "leave them out with --val"),
        (["--data", "LINES", "--seed", "-1"], "-1 is not in the range"),
        (["--data", "LINES", "--fonts", "LINES"], "add --synth"),
        (["--data", "LINES", "--freeze", "conv"], "add --from"),
        (["--data", "LINES", "--from", "latin", "--freeze", "stem"], "name some of conv, rnn, head"),
        (["--data", "LINES", "--rehearse", "1"], "1.0 is not in the range 0<=x<1"),
        (["--data", "LINES", "--from", "latin", "--rehearse", "0.2", "--fonts", "EMPTY"], "no usable font file"),
        (["--data", "LINES", "--synth", "--fonts", "EMPTY"], "no usable font file"),
        (["--data", "LINES", "--out", "LINES/00.txt"], "00.txt: cannot be written"),
        (["--data", "LINES/00.png"], "neither a folder nor "),
    ],
)  # fmt: skip
def test_wrong_use_is_one_line_at_the_start(
    lines: Path, tmp_path: Path, arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    places = {"LINES": str(lines), "EMPTY": str(tmp_path / "empty")}
    status, stdout, stderr = ocrnn(
        "train", *(re.sub("LINES|EMPTY", lambda name: places[name[0]], argument) for argument in arguments)
    )
    assert status in (2, 3)
    assert not stdout
    assert message in stderr
    assert stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("place", "fault"),
    [
        ("00.png", "holds something else, and it would be lost"),
        ("labels.tsv", "is named like a table of labels"),
        ("none/sheet.png", "cannot be written (No such file or directory)"),
    ],
)
def test_a_sheet_takes_nobodys_place_and_that_is_said_first(
    place: str, fault: str, lines: Path, tmp_path: Path
) -> None:
    before = (lines / "00.png").read_bytes()
    status, stdout, stderr = ocrnn(
        "train", "--data", lines, "--out", tmp_path / "run", "--show-augmented", lines / place
    )
    assert (status, stdout, stderr.count("\n")) == (2, "", 1)
    assert stderr.startswith(f"ocrnn: {lines / place}: {fault}")
    assert (lines / "00.png").read_bytes() == before
    assert not (tmp_path / "run").exists()


def test_without_torch_one_line_says_what_to_install(lines: Path) -> None:
    code = "import sys; sys.modules['torch'] = None; from ocrnn.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "train", "--data", str(lines)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == "ocrnn: training needs torch; pip install 'ocrnn[train]'\n"


WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


@pytest.mark.parametrize(("asked", "expected"), [(None, "passive 1000"), ("active", "active None")])
def test_threads_that_wait_sleep_before_torch_is_there_unless_told_otherwise(
    asked: str | None, expected: str, lines: Path
) -> None:
    code = (
        "import os, sys; sys.modules['torch'] = None; from ocrnn.cli.main import main\n"
        "try: main()\nfinally: print(os.environ['OMP_WAIT_POLICY'], os.environ.get('GOMP_SPINCOUNT'))"
    )
    environment = {name: value for name, value in os.environ.items() if name not in WAITING}
    environment |= {"OMP_WAIT_POLICY": asked} if asked else {}
    done = subprocess.run(
        [sys.executable, "-c", code, "train", "--data", str(lines)],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == expected


def test_a_log_that_cannot_be_written_is_said_before_the_lines_are_read(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    status, _, stderr = ocrnn("train", "--data", lines, "--out", tmp_path / "run", "--log-to", "tensorboard")
    assert status == 2
    assert stderr == "ocrnn: --log-to tensorboard: TensorBoard is not installed; pip install 'ocrnn[tensorboard]'\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a program can catch")
def test_asked_to_stop_it_saves_and_goes_on_later(lines: Path, tmp_path: Path) -> None:
    arguments: list[str | Path] = [
        "train",
        "--data",
        lines,
        "--out",
        tmp_path / "run",
        "--minutes",
        "0.05",
        "--threads",
        "1",
    ]
    with subprocess.Popen([sys.executable, "-m", "ocrnn", *arguments], stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        while "network from nothing" not in run.stderr.readline():
            assert run.poll() is None
        time.sleep(0.3)  # into the training, which takes three seconds
        run.send_signal(signal.SIGTERM)
        rest = run.stderr.read()
        assert run.wait(60) == 130
    told = re.search("stopped and saved; go on with: ocrnn (.*)", rest)
    assert told
    assert (tmp_path / "run" / "last.checkpoint").is_file()
    status, _, stderr = ocrnn(*shlex.split(told[1]))
    assert status == 0, stderr
    assert "0.05 minutes are over" in stderr
    size = (tmp_path / "run" / "best.onnx").stat().st_size
    status, stdout, stderr = ocrnn(*arguments, "--resume")
    assert (status, stdout) == (0, f"{tmp_path / 'run' / 'best.onnx'}\n")
    assert "was finished before; go on --from" in stderr
    assert "epoch " not in stderr
    assert (tmp_path / "run" / "best.onnx").stat().st_size == size


def test_what_a_run_cannot_do_or_tell_is_said_before_it_starts(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocrnn.training.start.further", lambda name: [name] * 2)
    arguments = ("--val-split", "0.01", "--from", "latin", "--out", tmp_path / "run", "--resume")
    monkeypatch.setattr(Run, "events", lambda *_: iter(()))
    status, _, stderr = ocrnn("train", "--data", lines, *arguments)
    assert status == 0
    assert f"ocrnn: {tmp_path / 'run'}: nothing is saved there to resume; this run starts anew\n" in stderr
    assert "ocrnn: 1 line to validate with: no figure of this run means anything; give --val, or more lines\n" in stderr
    assert "latin: its own network learns; the 2 other networks that it asks where it is in doubt are not" in stderr


def test_what_the_labels_add_to_a_charset_is_told(lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "events", lambda *_: iter(()))
    arguments = ("train", "--data", lines, "--out", tmp_path / "run", "--charset")
    (lines / "07.txt").write_text("4€7", encoding="utf-8")
    assert "1 character new to digits: €\n" in ocrnn(*arguments, "digits")[2]
    assert " new to " not in ocrnn(*arguments, "digits", "--new-chars", "drop")[2]
    assert " new to " not in ocrnn(*arguments, "latin")[2]


def test_advice_is_told_once_and_not_with_the_figures_of_each_epoch(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ocrnn.training.run.LEAST_LINES", 20)
    said = iter(
        ["it stands at 2.75; try --lr 0.002", "it stands at 2.8; try --lr 0.002", None, "it explodes", "it stands at 3"]
    )
    monkeypatch.setattr("ocrnn.training.diagnosis.explain", lambda *_, **__: next(said))
    status, _, stderr = ocrnn("train", "--data", lines, "--out", tmp_path / "run", "--epochs", "5")
    assert status == 0
    told = [line for line in stderr.splitlines() if line.startswith("ocrnn: it ")]
    assert told == ["ocrnn: it stands at 2.75; try --lr 0.002", "ocrnn: it explodes", "ocrnn: it stands at 3"]


def test_pictures_without_label_are_no_lines_left_out(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        (lines / f"{number:02}.txt").unlink()
    (lines / "13.txt").write_text(" ", encoding="utf-8")
    monkeypatch.setattr(Run, "events", lambda *_: iter(()))
    status, _, stderr = ocrnn("train", "--data", lines, "--out", tmp_path / "run")
    assert status == 0
    told = stderr.splitlines()
    assert told[0].startswith(f"ocrnn: {lines / '13.txt'}:1: the label of 13.png is empty; "), "what is lost goes first"
    assert told[10] == "ocrnn: and 3 more; -v names them all"
    assert "; 12 pictures have no label" in stderr
    assert " to validate with, 1 left out\n" in stderr
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert re.search(r"lines left out</\w+>\s*<\w+>1<", page)


def test_a_full_disk_while_saving_is_one_line_and_no_half_file(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    arguments = ("--minutes", "0.001", "--threads", "1", "-q")
    status, stdout, stderr = ocrnn("train", "--data", lines, "--out", tmp_path / "run", *arguments)
    assert (status, stdout) == (2, "")
    assert stderr.endswith("cannot be written (No space left on device); make room, or choose another place\n")
    assert stderr.count("\n") == 1
    assert list((tmp_path / "run").iterdir()) == []


def test_an_interrupt_before_the_training_is_one_line(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ocrnn.training.run.check_samples", interrupted)
    status, stdout, stderr = ocrnn("train", "--data", lines, "--out", tmp_path / "run")
    assert (status, stdout, stderr) == (130, "", "ocrnn: interrupted\n")
