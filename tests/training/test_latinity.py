from __future__ import annotations

import re

from training.latinity import sentences

MODELS = """\
! a comment
$lupus=ŭs;ŭm;ī
modele:inv
R:0:0,0
des:416:0:-
modele:lupus
R:1:2,0
des:1-3:1:$lupus
modele:filius
pere:lupus
des+:3:1:ē
abs:2
modele:qui
R:1:-
des:1:1:quī
modele:amo
R:0:1,0
R:2:1,āt
des:121,122:0:ō;ās
des:302:0:ārī
modele:quidam
pere:lupus
sufd:dăm
"""
LEXICON = """\
! a comment
ĕt|inv|||conj.|50
lŭpus|lupus|||i, m.|10
fīlĭus2|filius|||ii, m.|10
ămo=ămo|amo|||as, are|10
dŏmus|nobody|||us, f.|10
qŭus|quidam|||m.|10
Δelta|inv|||n.|10
"""


def words(count: int = 300) -> set[str]:
    return {word for line in sentences(LEXICON, MODELS, count) for word in re.findall(r"[^\W\d_]+", line.lower())}


def test_words_stand_in_all_their_forms_without_signs_of_length() -> None:
    said = {word.removesuffix("que") for word in words()}
    nouns = {"lupus", "lupum", "lupi", "filius", "filii", "filie", "quusdam", "quumdam", "quidam"}
    assert said == {"et", "amo", "amari", *nouns}


def test_a_word_stands_as_often_as_it_was_counted() -> None:
    said = re.findall(r"\w+", " ".join(sentences(LEXICON, MODELS, 1000)).lower())
    assert 0.4 < said.count("et") / len(said) < 0.6  # 50 of 90


def test_sentences_begin_with_a_capital_and_end_with_a_mark() -> None:
    lines = list(sentences(LEXICON, MODELS, 50))
    assert len(lines) == 50
    assert all(line[0].isupper() and line[-1] in ".?!;" for line in lines)
    assert lines == list(sentences(LEXICON, MODELS, 50)), "the same for one seed"
