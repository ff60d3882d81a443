from __future__ import annotations

import hashlib
import itertools
import json
import os
import string
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ocrnn.charset import Charset
from ocrnn.errors import UsageError
from ocrnn.synth.fonts import OTHER_SCRIPT, STROKED
from ocrnn.synth.kinds import KINDS, Kind
from ocrnn.synth.lines import Synthesizer


@pytest.fixture(scope="module")
def maker(fonts: Path, texts: Path) -> Synthesizer:
    return Synthesizer(fonts, texts, Charset.open("latin"))


@pytest.fixture(scope="module")
def drawable(fonts: Path) -> set[str]:
    ttlib = pytest.importorskip("fontTools.ttLib")
    with ttlib.TTFont(next(fonts.iterdir())) as font:
        return set(map(chr, font.getBestCmap()))


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_lines_of_each_kind(kind: str, maker: Synthesizer, drawable: set[str]) -> None:
    for number in range(40):
        grey, text = maker.line(np.random.default_rng((1, number)), longest=60, kind=kind)
        assert 0 < len(text) <= 60
        assert text == " ".join(text.split())
        assert not maker.charset.strangers(text)
        assert set(text) <= drawable | STROKED.keys()
        assert grey.dtype == np.uint8
        assert grey.ndim == 2
        assert min(grey.shape) >= 2
        # There is ink, and gaps between its strokes: sums over columns differ.
        assert grey.astype(float).mean(0).std() > 0.5, (number, text)


def test_longer_texts_make_longer_lines(maker: Synthesizer) -> None:
    lines = [maker.line(np.random.default_rng(number), kind="print") for number in range(80)]
    aspects = [grey.shape[1] / grey.shape[0] for grey, _ in lines]
    assert np.corrcoef([len(text) for _, text in lines], aspects)[0, 1] > 0.6


@pytest.mark.parametrize("asked", [{}, {"captcha": 0.5, "form": 0.0}])
def test_kinds_come_in_their_shares(
    asked: dict[str, float], fonts: Path, texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker = Synthesizer(fonts, texts, Charset.open("latin"), shares=asked)
    seen: list[str] = []
    made = maker.says

    def watch(kind: Kind, rng: np.random.Generator, longest: int) -> str:
        seen.append(kind.name)
        return made(kind, rng, longest)

    monkeypatch.setattr(maker, "says", watch)
    for number in range(400):
        maker.line(np.random.default_rng(number))
    shares = {kind.name: asked.get(kind.name, kind.share) for kind in KINDS}
    for name, share in shares.items():
        wanted = share / sum(shares.values())
        # Four deviations of a binomial share.
        assert abs(seen.count(name) / len(seen) - wanted) <= 4 * (wanted / len(seen)) ** 0.5, name


SCRIPT = """
import hashlib, sys
from pathlib import Path
import numpy as np
from ocrnn.charset import Charset
from ocrnn.synth.lines import Synthesizer

maker = Synthesizer(Path(sys.argv[1]), Path(sys.argv[2]), Charset.open("latin"))
digest = hashlib.sha256()
for number in reversed(range(40)):
    grey, text = maker.line(np.random.default_rng((5, number)))
    digest.update(repr((grey.shape, text)).encode() + grey.tobytes())
print(digest.hexdigest())
"""


def test_another_process_makes_the_same_lines(maker: Synthesizer, fonts: Path, texts: Path, root: Path) -> None:
    digest = hashlib.sha256()
    lines = {number: maker.line(np.random.default_rng((5, number))) for number in range(40)}
    for number in reversed(range(40)):
        grey, text = lines[number]
        digest.update(repr((grey.shape, text)).encode() + grey.tobytes())
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", SCRIPT, str(fonts), str(texts)]
        other = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        assert other.stdout.strip() == digest.hexdigest()


@pytest.mark.parametrize("longest", [1, 2, 7])
def test_short_lines(maker: Synthesizer, longest: int) -> None:
    for number in range(60):
        assert 0 < len(maker.line(np.random.default_rng(number), longest=longest)[1]) <= longest


@pytest.mark.parametrize("charset", ["digits", "ascii"])
def test_small_charsets_without_texts(fonts: Path, charset: str) -> None:
    maker = Synthesizer(fonts, None, Charset.open(charset))
    for number, kind in itertools.product(range(5), KINDS):
        text = maker.line(np.random.default_rng(number), kind=kind.name)[1]
        assert text
        assert not maker.charset.strangers(text)


def test_faces_that_draw_none_of_the_texts(fonts: Path, tmp_path: Path) -> None:
    """The face has ASCII, the texts are Greek, the charset spans both: refused, not tried for ever."""
    (tmp_path / "el.txt").write_text("αβγδ\n" * 5, encoding="utf-8")
    maker = Synthesizer(fonts, tmp_path, Charset("αβγδ\\"))
    with pytest.raises(UsageError, match="word lines: no face draws what the texts say.*--fonts"):
        maker.line(np.random.default_rng(0), kind="word")


def test_kinds_that_there_are_not_are_refused(maker: Synthesizer, fonts: Path, texts: Path) -> None:
    with pytest.raises(UsageError, match="words: no kind of line; there are print, "):
        Synthesizer(fonts, texts, maker.charset, shares={"words": 1})
    with pytest.raises(UsageError, match="words: no kind of line; there are print, "):
        maker.line(np.random.default_rng(0), kind="words")


def test_other_scripts_are_drawn_and_left_out_of_the_text(
    maker: Synthesizer, fonts: Path, texts: Path, tmp_path: Path
) -> None:
    ttlib = pytest.importorskip("fontTools.ttLib")
    with ttlib.TTFont(next(fonts.iterdir())) as font:
        for table in font["cmap"].tables:
            if table.isUnicode():  # Thai letters in the shapes of ours: who makes lines does not look at them
                table.cmap |= {
                    0xE01 + at: table.cmap[ord(letter)] for at, letter in enumerate(string.ascii_letters[:46])
                }
        font.save(tmp_path / "T.otf")
    latin = next(iter(maker._faces.values()))[0][0]
    (tmp_path / "L.otf").write_bytes(latin.path.read_bytes())
    ours = string.ascii_letters + string.digits + string.punctuation
    entries = (
        {"file": "L.otf", "cat": "sans", "chars": ours},
        {"file": "T.otf", "cat": OTHER_SCRIPT, "chars": ours + "".join(map(chr, range(0xE01, 0xE2F)))},
    )
    (tmp_path / "fonts.jsonl").write_text("\n".join(map(json.dumps, entries)), encoding="utf-8")
    unmixed, mixing = (Synthesizer(tmp_path, texts, Charset.open("latin"), other_scripts=n) for n in (0.0, 1.0))
    assert all(unmixed.line(np.random.default_rng(number), kind="receipt")[1] for number in range(30))
    assert all(mixing.line(np.random.default_rng(number), kind="book")[1] for number in range(30))

    made = [mixing.line(np.random.default_rng(number), kind="receipt") for number in range(200)]
    silent = [grey for grey, text in made if not text]
    assert 0.4 < len(silent) / len(made) < 0.8
    assert all(grey.astype(float).mean(0).std() > 0.5 for grey in silent)
    assert not mixing.charset.strangers("".join(text for _, text in made))
    # Where nothing is left out a picture is no longer than its text asks; here the words in between are missing.
    spoken = [(grey, text) for grey, text in made if len(text) > 5]
    plain = [maker.line(np.random.default_rng(number), kind="receipt") for number in range(200)]
    pace = [np.median([grey.shape[1] / grey.shape[0] / len(text) for grey, text in each]) for each in (spoken, plain)]
    assert pace[0] > 1.5 * pace[1]


def test_capitals_for_faces_without_small_letters(fonts: Path, texts: Path, tmp_path: Path) -> None:
    (tmp_path / "F.otf").write_bytes(next(fonts.iterdir()).read_bytes())
    characters = "".join(map(chr, range(33, 127)))
    entry = {"file": "F.otf", "cat": "sans", "case": "caps", "chars": characters}
    (tmp_path / "fonts.jsonl").write_text(json.dumps(entry), encoding="utf-8")
    maker = Synthesizer(tmp_path, texts, Charset.open("latin"))
    made = [maker.line(np.random.default_rng(number))[1] for number in range(40)]
    assert all(text == text.upper() for text in made)
