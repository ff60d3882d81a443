from __future__ import annotations

import numpy as np
import pytest
import torch

from ocrnn.data.labels import Sample
from ocrnn.decoding.ctc import greedy
from ocrnn.model.file import further, header
from ocrnn.model.network import Network
from ocrnn.model.quantise import draw_lines
from ocrnn.model.runtime import find
from ocrnn.spec import ModelSpec
from ocrnn.training.batches import Batch, batches
from ocrnn.training.plans import permuted
from ocrnn.training.sources import RealLines
from training.distil import Pupil, Teachers


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
