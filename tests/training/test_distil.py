from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from ocrnn.data.labels import Sample
from ocrnn.decoding.ctc import greedy
from ocrnn.image import Grey
from ocrnn.model.file import further, header
from ocrnn.model.network import Network
from ocrnn.model.quantise import draw_lines
from ocrnn.model.runtime import find
from ocrnn.model.weights import load_weights, save_weights
from ocrnn.spec import ModelSpec
from ocrnn.synth.kinds import KINDS
from ocrnn.synth.lines import Synthesizer
from ocrnn.training.batches import Batch, batches
from ocrnn.training.plans import permuted
from ocrnn.training.sources import RealLines
from training import distil
from training.distil import Pupil, Teachers, lessons, shares_of, shares_of_sets
from training.latin import REAL


@pytest.fixture
def batch(digits: list[Sample], spec: ModelSpec) -> Batch:
    plan = permuted(RealLines(digits, None), 0, 1, least=1)
    return next(batch for batch, _ in batches(plan, spec, columns=400, seed=0, epoch=1))


def pupil(spec: ModelSpec) -> Pupil:
    torch.manual_seed(1)
    return Pupil(Network(spec.architecture, spec.charset.classes))


def test_frames_are_learned_from_a_teacher_where_they_are_to_be(batch: Batch, spec: ModelSpec) -> None:
    torch.manual_seed(2)
    network = Network(spec.architecture, spec.charset.classes).train()
    with torch.no_grad():
        teacher, _ = network.training_log_probs(batch.images)
    inside = (torch.arange(len(teacher))[:, None] < batch.input_lengths).float()
    learning, alone = pupil(spec), pupil(spec)
    learning.trust = 20.0
    apart = []
    for step in range(30):
        for each, learned in ((learning, inside), (alone, torch.zeros_like(inside))):
            each.opinion = teacher, learned
            each.learn(batch, 1e-2, step)
        apart.append(float(learning.apart))
        assert float(alone.apart) == 0
    assert apart[-1] < 0.2 * apart[0]


def test_each_teacher_is_asked_what_it_knows() -> None:
    path = find("latin")
    teachers = Teachers(["latin"], header(path))
    knows = [(its.spec.doubt > 0, its.spec.word_doubt > 0) for its in further(path, header(path))]
    assert len(teachers._of_lines) == 1 + sum(lines for lines, _ in knows)
    assert len(teachers._of_words) == 1 + sum(words for _, words in knows)
    assert (True, False) in knows
    assert (False, True) in knows, "one of lines alone, and one of words alone"


def test_teachers_agree_on_what_they_read_right(latin: str) -> None:

    spec = header(find(latin))
    line = draw_lines(spec.line_format, 1)[0]
    teachers = Teachers([latin], spec)
    said = teachers._of_lines[0].infer(line[None])
    text = greedy(said[:, 0]).classes
    frames = torch.tensor([len(said), len(said) - 3])

    def asked(*texts: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
        lengths = torch.tensor([len(each) for each in texts])
        targets = torch.tensor([number for each in texts for number in each])
        images = torch.from_numpy(np.stack([line, line]))
        return teachers.opinion(Batch(images, frames, targets, lengths, torch.ones(2), 2))

    opinion, learned = asked(text, (*text[:-1], text[-1] % 5 + 1))
    assert opinion.exp().sum(2) == pytest.approx(1.0, abs=1e-4)
    assert greedy(opinion[:, 0].numpy()).classes == text
    assert learned[:, 0].all() and not learned[:, 1].any()


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What all lines say that are drawn from here on."""
    said: list[str] = []
    line = Synthesizer.line

    def noted(maker: Synthesizer, rng: np.random.Generator, *, longest: int = 95) -> tuple[Grey, str]:
        grey, text = line(maker, rng, longest=longest)
        said.append(text)
        return grey, text

    monkeypatch.setattr(Synthesizer, "line", noted)
    return said


def said_by(made: Iterator[Batch], spec: ModelSpec, lines: int) -> list[str]:
    """What the lines of some batches say: of as many as hold so many lines."""
    texts: list[str] = []
    while len(texts) < lines:
        batch = next(made)
        parts = torch.split(batch.targets, batch.target_lengths.tolist())
        texts += [spec.charset.decode(part.tolist()) for part in parts]
    return texts


def test_without_real_lines_all_are_drawn_and_none_is_longer_than_asked(
    spec: ModelSpec, fonts: Path, drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distil, "CHUNK", 40)
    texts = said_by(lessons(Synthesizer(fonts, None, spec.charset), [], spec, 3, longest=9), spec, 100)
    assert Counter(texts) <= Counter(drawn)
    assert max(map(len, texts)) == 9
    assert len(set(texts)) > 80, "other ones each time"


def test_where_there_are_real_lines_a_fifth_are(
    digits: list[Sample], spec: ModelSpec, fonts: Path, drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distil, "CHUNK", 400)
    real = [(RealLines(digits, None), share) for share in REAL.values()]
    texts = said_by(lessons(Synthesizer(fonts, None, spec.charset), real, spec, 3, longest=9), spec, 300)
    assert len(drawn) / 400 == pytest.approx(0.8, abs=0.08)
    assert set(texts) <= {*drawn, *(sample.text for sample in digits)}
    assert not set(texts) <= {*drawn}


def test_real_lines_are_as_many_as_asked_and_of_the_sets_asked(
    digits: list[Sample], spec: ModelSpec, fonts: Path, drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distil, "CHUNK", 400)
    some, others = (RealLines([sample], None) for sample in digits[:2])
    made = lessons(Synthesizer(fonts, None, spec.charset), [(some, 3.0), (others, 1.0)], spec, 3, 9, real_share=0.5)
    texts = Counter(said_by(made, spec, 300)) - Counter(drawn)
    assert len(drawn) / 400 == pytest.approx(0.5, abs=0.08)
    assert texts[digits[0].text] / texts[digits[1].text] == pytest.approx(3, abs=1)
    assert shares_of_sets(["typewriter=0.1"]) == {**REAL, "typewriter": 0.1}


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> None:
    monkeypatch.setattr(sys, "argv", ["distil.py", *map(str, arguments)])
    distil.main()


def test_only_the_kinds_that_are_asked_for_are_drawn_and_learned(
    spec: ModelSpec, fonts: Path, tmp_path: Path, drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distil, "CHUNK", 60)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    (tmp_path / "mul.txt").write_text(f"{1234567890 * 10**40}\n", encoding="utf-8")
    network = tmp_path / "network.safetensors"
    save_weights(network, pupil(spec).network, spec)
    given = ("--fonts", fonts, "--texts", tmp_path, "--network", network, "--teacher", "--minutes", "0.01")
    run(monkeypatch, *given, "--only", "captcha=0.2", "--out", tmp_path / "out")
    assert len(drawn) >= 60
    assert all(3 <= len(text) <= 8 for text in drawn), "captchas have so few characters, and not all lines"
    before, after = (load_weights(path)[0].parameters() for path in (network, tmp_path / "out" / "ema.safetensors"))
    assert not any(torch.equal(weight, learned) for weight, learned in zip(before, after, strict=True))


def test_a_fault_where_lines_are_drawn_ends_the_run(
    spec: ModelSpec, fonts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(*_: object, **__: object) -> tuple[Grey, str]:
        raise ValueError("the font is torn")

    monkeypatch.setattr(Synthesizer, "line", torn)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    (tmp_path / "mul.txt").write_text("123\n", encoding="utf-8")
    save_weights(tmp_path / "network.safetensors", pupil(spec).network, spec)
    given = ("--fonts", fonts, "--texts", tmp_path, "--network", tmp_path / "network.safetensors", "--teacher")
    with pytest.raises(ValueError, match="the font is torn"):
        run(monkeypatch, *given, "--minutes", "1", "--out", tmp_path / "out")


def test_other_kinds_keep_their_shares_or_have_none() -> None:
    asked, named = ["captcha=0.2", "word=1"], {"captcha": 0.2, "word": 1.0}
    assert shares_of(asked, []) == named
    assert shares_of([], asked) == {kind.name: named.get(kind.name, 0.0) for kind in KINDS}
    assert shares_of([], []) == {}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--only", "wrod=0.6", "captcha=0.2"], "wrod: no kind of line; there are print, book,"),
        (["--share", "wrod=0.6", "--share", "slip=0.2"], "slip, wrod: no kind of line; there are print, book,"),
        (["--only", "word=0.6", "--share", "captcha=0.2"], "--only and --share contradict one another"),
        (["--only", "word"], "word=: no share; give a number, such as word=0.2"),
        (["--share", "word=-1"], "word=-1: a share is 0 or more"),
        (["--only", "word=0", "captcha=0"], "nothing is left to draw"),
        (["--set", "receipts=0.1"], "receipts: no set of real lines; there are books-en,"),
        (["--set", "typewriter=much"], "typewriter=much: no share"),
        (["--set", "typewriter=-1"], "shares of real lines are 0 or more"),
        ([f"--set={name}=0" for name in REAL], "shares of real lines are 0 or more, and one of them is more"),
    ],
)
def test_kinds_that_cannot_be_drawn_so_are_refused(
    options: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, "--fonts", ".", "--texts", ".", "--network", "nosuch", "--out", ".", *options)
    assert said in capsys.readouterr().err
