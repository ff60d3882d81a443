from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock, call

import numpy as np
import pytest
from PIL import Image, ImageFont

from ocrnn.data.labels import read_labels

if TYPE_CHECKING:
    from tests.cli.conftest import Run


@pytest.fixture(scope="module")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the one face that Pillow carries."""
    folder = tmp_path_factory.mktemp("fonts")
    carried = ImageFont.load_default(28)
    assert isinstance(carried, ImageFont.FreeTypeFont)
    assert isinstance(carried.path, io.BytesIO)
    (folder / "Aileron-Regular.otf").write_bytes(carried.path.getvalue())
    return folder


@pytest.fixture
def synth(run: Run, fonts: Path) -> Run:
    """Calls `ocrnn synth` with that face, and without a word where nothing went wrong."""

    def call(*arguments: str | Path, exit_code: int = 0, **options: Any) -> Any:
        result = run("synth", "--fonts", fonts, *arguments, **options)
        assert result.exit_code == exit_code, result.output
        assert result.stdout == ""
        return result

    return call


def files(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_one_line_is_not_called_lines(synth: Run) -> None:
    assert synth("-o", "one", "-n", "1", "--longest", "9").stderr == "1 line in one\n"


@pytest.mark.parametrize("form", [(), ("--shards", "3")])
def test_the_bar_counts_every_line(form: tuple[str, ...], synth: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    bar = Mock()
    monkeypatch.setattr("ocrnn.cli.synth.bar", lambda total, *_, **__: bar(total) and bar)
    synth("-o", "lines", "-n", "7", "--longest", "9", *form)
    assert bar.mock_calls == [call(7), *7 * [call.update()], call.close()]


def test_files_that_train_reads(synth: Run, tmp_path: Path) -> None:
    assert synth("-o", "new/lines", "-n", "12", "--longest", "9").stderr == f"12 lines in {Path('new/lines')}\n"
    folder = tmp_path / "new" / "lines"
    assert sorted(files(folder)) == sorted(f"{n:06}{end}" for n in range(12) for end in (".png", ".gt.txt"))
    labels = read_labels(folder)
    assert not labels.problems
    assert not labels.tolerated
    assert len(labels.samples) == 12
    for sample in labels.samples:
        assert 0 < len(sample.text) <= 9
        with Image.open(sample.image) as picture:
            assert picture.mode == "L"
            assert np.asarray(picture).std() > 0


def test_the_same_seed_makes_the_same_files(synth: Run, tmp_path: Path) -> None:
    for name, seed, count in (("a", "3", "10"), ("b", "3", "10"), ("longer", "3", "14"), ("other", "4", "10")):
        synth("-o", name, "-n", count, "--seed", seed, "-q")
    first, again, longer, other = (files(tmp_path / name) for name in ("a", "b", "longer", "other"))
    assert first == again
    assert first.items() < longer.items()
    assert not first.items() & other.items()


def test_another_process_makes_the_same_files(
    synth: Run, fonts: Path, start: Callable[..., Any], tmp_path: Path
) -> None:
    synth("-o", "here", "-n", "6", "--shards", "4")
    started = start("synth", "--fonts", str(fonts), "-o", "there", "-n", "6", "--shards", "4")
    assert (started.returncode, started.stdout) == (0, b"")
    assert files(tmp_path / "here") == files(tmp_path / "there")


def test_shards_hold_what_files_would(synth: Run, tmp_path: Path) -> None:
    synth("-o", "lines", "-n", "8")
    synth("-o", "shards", "-n", "8", "--shards", "3")
    assert list(files(tmp_path / "shards")) == ["00000.tar", "00001.tar", "00002.tar"]
    held: dict[str, bytes] = {}
    counts = []
    for path in sorted((tmp_path / "shards").iterdir()):
        with tarfile.open(path) as shard:
            members = shard.getmembers()
            counts.append(len(members))
            # WebDataset takes what stands before the first dot as the key; members of one key follow one another.
            assert [member.name.split(".", 1)[1] for member in members] == ["png", "gt.txt"] * (len(members) // 2)
            assert all((member.mtime, member.uid, member.uname) == (0, 0, "") for member in members)
            held |= {member.name: shard.extractfile(member).read() for member in members}  # type: ignore[union-attr]
    assert counts == [6, 6, 4]
    assert held == {path.name: path.read_bytes() for path in (tmp_path / "lines").iterdir()}


def test_kinds_differ(synth: Run, tmp_path: Path) -> None:
    synth("-o", "captcha", "-n", "15", "--kind", "captcha")
    texts = [path.read_text(encoding="utf-8") for path in (tmp_path / "captcha").glob("*.txt")]
    assert all(text.rstrip("\n").isalnum() and 4 <= len(text) <= 9 for text in texts)
    refused = synth("-o", "x", "--kind", "poem", exit_code=2)
    assert "'poem' is not one of 'print', 'book'" in refused.stderr


def test_own_texts_and_charset(synth: Run, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "en.txt").write_text("one two one two\n", encoding="utf-8")
    (tmp_path / "few.txt").write_text("\n".join("entow ENTOW") + "\n", encoding="utf-8")
    synth("-o", "lines", "-n", "20", "--texts", "texts", "--charset", "few.txt", "--kind", "book")
    made = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "lines").glob("*.txt"))
    assert set(made) <= set("entow ENTOW\n")
    assert "one two" in made


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fonts", "nowhere"), "nowhere: no such folder; give --fonts"),
        (("--texts", "nowhere"), "nowhere: no such folder; give --texts"),
        (("--charset", "klingon"), "klingon: no such charset"),
    ],
)
def test_what_cannot_be_made_leaves_no_folder(
    synth: Run, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    refused = synth("-o", "lines", *arguments, exit_code=2)
    assert refused.stderr.startswith(f"ocrnn: {message}")
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "lines").exists()


def test_what_is_there_is_kept(synth: Run, tmp_path: Path) -> None:
    (tmp_path / "lines").mkdir()
    (tmp_path / "lines" / ".hidden").touch()
    synth("-o", "lines", "-n", "1")
    before = files(tmp_path / "lines")
    refused = synth("-o", "lines", "-n", "2", exit_code=2)
    assert refused.stderr == "ocrnn: lines: holds files already; give a folder that is new or empty\n"
    assert files(tmp_path / "lines") == before
    (tmp_path / "file").write_text("kept")
    assert "file: not a folder" in synth("-o", "file", exit_code=2).stderr
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("shards", [(), ("--shards", "4")])
def test_ctrl_c_leaves_whole_files(
    synth: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shards: tuple[str, ...]
) -> None:
    from ocrnn.synth.lines import Synthesizer

    synth("-o", "whole", "-n", "8", *shards)
    made = Synthesizer.line
    calls = 0

    def interrupted(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 7:
            raise KeyboardInterrupt
        return made(*arguments, **options)

    monkeypatch.setattr(Synthesizer, "line", interrupted)
    assert synth("-o", "cut", "-n", "8", *shards, exit_code=130).stderr == "ocrnn: interrupted\n"
    left = files(tmp_path / "cut")
    assert len(left) == (1 if shards else 12)
    assert left.items() <= files(tmp_path / "whole").items()


def test_a_full_disk_leaves_whole_pairs(synth: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ocrnn.errors import OutputError
    from ocrnn.storage import whole_file

    def full(path: Path) -> Any:
        if path.name == "000003.png":
            raise OutputError(f"{path}: cannot be written (No space left on device); make room")
        return whole_file(path)

    monkeypatch.setattr("ocrnn.cli.synth.whole_file", full)
    refused = synth("-o", "lines", "-n", "5", exit_code=2)
    assert "000003.png: cannot be written" in refused.stderr
    assert sorted(files(tmp_path / "lines")) == sorted(f"{n:06}{end}" for n in range(3) for end in (".png", ".gt.txt"))


def test_the_command_is_found_without_heavy_imports(root: Path) -> None:
    script = "import sys, ocrnn.cli.synth; print([n for n in ('numpy', 'cv2', 'PIL', 'torch') if n in sys.modules])"
    command = [sys.executable, "-c", script]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_fonts_of_the_system_are_the_default(run: Run, fonts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ocrnn.synth import fonts as module

    monkeypatch.setattr(module, "system_folders", lambda: (fonts,))
    assert run("synth", "-o", "lines", "-n", "2").exit_code == 0
    monkeypatch.setattr(module, "system_folders", lambda: ())
    refused = run("synth", "-o", "none", "-n", "2")
    assert refused.exit_code == 2
    assert "this system has no fonts for this charset; give --fonts" in refused.stderr
