import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from ocrnn.charset import Charset
from ocrnn.errors import ImageError, UsageError
from ocrnn.model.executors import TorchModel
from ocrnn.model.network import Network
from ocrnn.spec import ModelSpec
from ocrnn.synth.lines import Synthesizer
from ocrnn.training import tuning
from ocrnn.training.tuning import Change, Outcome, adapted, freeze, old_kind, parts, read_drawn
from ocrnn.transcribe.reader import Reader


def test_parts_are_named_with_commas_and_a_stranger_is_told_which_there_are() -> None:
    assert parts("head, conv") == ("conv", "head")
    with pytest.raises(UsageError, match="--freeze stem: the network has no such part; name some of conv, rnn, head"):
        parts("conv,stem")
    with pytest.raises(UsageError, match="--freeze rnn,head,conv: nothing is left to learn"):
        parts("rnn,head,conv")


@pytest.mark.parametrize("names", ["conv", "rnn", "head", "conv,rnn"])
def test_every_weight_belongs_to_one_part(spec: ModelSpec, names: str) -> None:
    network = Network(spec.architecture, spec.charset.classes)
    assert network.shortcut is not None
    freeze(network, parts(names))
    frozen = {name.split(".")[0] for name, weight in network.named_parameters() if not weight.requires_grad}
    learning = {name.split(".")[0] for name, weight in network.named_parameters() if weight.requires_grad}
    assert frozen == {part for name in names.split(",") for part in ((name, "shortcut") if name == "head" else (name,))}
    assert not frozen & learning
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert {norm.training for norm in norms} == {"conv" not in names}, "from now on"
    for mode in (True, False, True):
        network.train(mode)
        assert {norm.training for norm in norms} == {mode and "conv" not in names}
        assert network.rnn.training is mode


def test_known_characters_are_read_as_before_new_ones_last_and_dropped_ones_never(spec: ModelSpec) -> None:
    torch.manual_seed(2)
    network = Network(spec.architecture, spec.charset.classes).eval()
    charset = Charset("13579ab")
    changed, described = adapted(network, spec, charset)
    assert described == dataclasses.replace(spec, charset=charset)
    images = torch.rand(2, 1, 16, 48)
    with torch.inference_mode():
        old, new = network(images), changed.eval()(images)
    # Classes by hand: blank, then 1 3 5 7 9 of the ten digits from 1 on.
    kept = old[:, :, [0, 2, 4, 6, 8, 10]]
    assert torch.allclose(new[:, :, 1:6] - new[:, :, :1], kept[:, :, 1:] - kept[:, :, :1], atol=1e-5)
    assert int(new.argmax(2).max()) < 6
    assert adapted(network, spec, spec.charset) == (network, spec)


ALIKE = [(f"line {n:03}", f"line {n:03}") for n in range(40)]


def test_a_change_is_what_a_hand_sum_says() -> None:
    one_wrong = [("abcd", "abcx"), ("efgh", "efgh")]
    change = Change.of(one_wrong, [("abcd", "abcd"), ("efgh", "xxgh")])
    assert (change.lines, change.before[0], change.after[0]) == (2, 1 / 8, 2 / 8)
    assert change.stored()["cer after"] == 0.25
    folding = Change.of([("ﬁx", "fax")], [("ﬁx", "ﬁx")])
    assert (folding.before[0], folding.after[0]) == (1 / 3, 0), "one letter of the three that a ligature folds to"
    with pytest.raises(ValueError, match="different lines"):
        Change.of(one_wrong, ALIKE[:2])


def test_what_folding_hides_has_a_row_of_its_own() -> None:
    before, after = ([("so", reading)] * 40 for reading in ("ſo", "so"))
    new, written = Change.of(before, after), Change.of(before, after, folded=False)
    assert (new.better, written.before[0], written.after[0], written.better) == (False, 0.5, 0, True)
    outcome = Outcome(new, written, None, kept=False, rehearsed=0.0, no_old="x")
    assert [row.split()[:2] for row in outcome.table().splitlines()[1:]] == [["new", "lines"], ["as", "written"]]
    assert outcome.remarks() == ("what the model forgot is not known: x",)


@pytest.mark.parametrize(("spoiled", "worse"), [(0, False), (1, False), (3, False), (4, True), (40, True)])
def test_worse_is_more_than_chance_line_by_line(spoiled: int, worse: bool) -> None:
    """None of three lines of forty is in 4.4 % of the drawn sets, (37/40)^40; none of four is in 1.5 %."""
    later = [(text, reading[:-1] if n < spoiled else reading) for n, (text, reading) in enumerate(ALIKE)]
    change = Change.of(ALIKE, later)
    assert change.worse is worse
    assert (change.after[1] > 0) is worse
    assert Change.of(later, ALIKE).better is worse
    assert not Change.of(later, ALIKE).worse


def test_few_hard_lines_do_not_hide_what_all_lines_lost() -> None:
    """The interval of each reading alone would hold the other: lines differ more than the readings of one line."""
    hard = [(text, "" if n % 2 else reading) for n, (text, reading) in enumerate(ALIKE)]
    later = [(text, reading and reading[:-1]) for text, reading in hard]
    change = Change.of(hard, later)
    assert change.after[0] < change.before[2]
    assert change.worse


GAIN = Change(40, (0.25, 0.2, 0.31), (0.05, 0.03, 0.08), worse=False, better=True)
LOSS = Change(40, (0.05, 0.03, 0.08), (0.25, 0.2, 0.31), worse=True, better=False)
CHANCE = Change(40, (0.05, 0.03, 0.08), (0.06, 0.04, 0.09), worse=False, better=False)


def test_an_outcome_says_what_was_lost_and_what_would_keep_it() -> None:
    assert Outcome(GAIN, GAIN, CHANCE, kept=False, rehearsed=0.0).remarks() == ()
    (said,) = Outcome(GAIN, GAIN, LOSS, kept=False, rehearsed=0.0).remarks()
    assert said == (
        "it reads its old kind worse: 5.0% -> 25.0% of the characters wrong; --rehearse 0.2 keeps more of it"
    )
    for rehearsed, more in ((0.2, 0.4), (0.4, 0.5)):
        (said,) = Outcome(GAIN, GAIN, LOSS, kept=False, rehearsed=rehearsed).remarks()
        assert f"--rehearse {more} keeps more" in said
    (unknown,) = Outcome(GAIN, GAIN, None, kept=False, rehearsed=0.0, no_old="this system has no fonts").remarks()
    assert unknown == "what the model forgot is not known: this system has no fonts"
    foreign = dataclasses.replace(LOSS, before=(0.55, 0.45, 0.65), after=(0.9, 0.8, 1.0))
    (said,) = Outcome(GAIN, GAIN, foreign, kept=False, rehearsed=0.0).remarks()
    assert said.startswith("the start model read 55% of the drawn characters wrong: they are not of its kind")
    (said,) = Outcome(CHANCE, CHANCE, GAIN, kept=False, rehearsed=0.0).remarks()
    assert "may be chance: 40 are few" in said
    assert Outcome(LOSS, LOSS, LOSS, kept=True, rehearsed=0.0).remarks() == ()


def test_an_outcome_is_shown_and_stored_with_all_its_sets() -> None:
    outcome = Outcome(GAIN, GAIN, LOSS, kept=True, rehearsed=0.0)
    shown = outcome.table().splitlines()
    assert [row.split()[:2] for row in shown[1:]] == [["new", "lines"], ["its", "old"]]
    assert shown[1].endswith("25.00 (20.00 to 31.00)     5.00 (3.00 to 8.00)")
    about = outcome.stored()
    assert about["old kind"] == LOSS.stored()
    assert about["training"] == "did not beat the start, which was kept"
    assert Outcome(GAIN, GAIN, None, kept=False, rehearsed=0.0).stored().keys() == {"new lines", "new lines as written"}


def test_the_old_kind_is_the_same_lines_at_every_call(
    spec: ModelSpec, fonts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "OLD_LINES", 5)
    first, again = (old_kind(Synthesizer(fonts, None, spec.charset)) for _ in range(2))
    assert len(first) == 5
    for (grey, text), (other, same) in zip(first, again, strict=True):
        assert text == same and not spec.charset.strangers(text)
        assert np.array_equal(grey, other)
    network = Network(spec.architecture, spec.charset.classes)
    read = read_drawn(Reader(TorchModel(network, spec)), first)
    assert [text for text, _ in read] == [text for _, text in first]
    assert read_drawn(Reader(TorchModel(network, spec)), ()) == ()
    with pytest.raises(ImageError, match="is not a picture"):
        read_drawn(Reader(TorchModel(network, spec)), [*first, (np.zeros((0, 9), np.uint8), "a")])
