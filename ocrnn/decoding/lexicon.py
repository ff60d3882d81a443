"""Words or whole lines that are known beforehand, as a guide of the beam."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ocrnn.charset import BLANK, Charset
from ocrnn.decoding.ctc import Scores
from ocrnn.decoding.guide import CACHED_ROWS, Guide
from ocrnn.errors import UsageError

WORD_COST = 4.0
"""What a word outside of the lexicon costs, as a natural logarithm."""

_LINES = "# lines"
_WORDS = "# words"
# A letter with the marks that combine with it; an underscore is none.
_RUN = re.compile(r"[^\W\d_][^\W\d_\u0300-\u036f]*(?:[\u0300-\u036f]+[^\W\d_]*)*")


def known(source: str | Path | Iterable[str], charset: Charset, *, cost: float = WORD_COST) -> Guide:
    """The guide of a lexicon: a file (UTF-8), or the lines of one.

    Each line is an entry, blank ones apart; a first line `# lines` says that the entries are whole lines of text, one
    of which the text has to be, `# words` or nothing that they are words. `cost` is what a word outside of the lexicon
    costs, infinity to forbid it. Raises UsageError for a file or an entry that cannot be used.
    """
    name = str(source) if isinstance(source, (str, Path)) else "--lexicon"
    entries = [(number, entry) for number, entry in enumerate(_lines(source), 1) if entry]
    whole = bool(entries) and entries[0][1] == _LINES
    if entries and entries[0][1] in (_LINES, _WORDS):
        del entries[0]
    if not entries:
        raise UsageError(f"{name}: holds no entries; write one on each line")
    if whole:
        for number, entry in entries:
            if strangers := charset.strangers(entry):
                raise UsageError(
                    f"{name}:{number}: {entry[:40]!r} holds {strangers[0]!r}, which the model cannot write"
                )
        return Lines([entry for _, entry in entries], charset)
    for number, entry in entries:
        if any(map(str.isspace, entry)):
            raise UsageError(
                f"{name}:{number}: {entry[:40]!r} is more than one word; "
                f"put {_LINES!r} on the first line if the entries are whole lines"
            )
    if not cost >= 0:
        raise UsageError(f"--lexicon-cost {cost}: would favour strange words; give 0 or more")
    words = [run for _, entry in entries for run in _RUN.findall(entry)]
    if not any(not charset.strangers(word) for word in words):
        raise UsageError(f"{name}: holds no word that the model can write; check what language it is in")
    return Words(words, charset, cost=cost)


class Lines:
    """The guide of texts that are one of some lines, to the letter."""

    start = 0
    most = 0.0
    floor = -math.inf

    def __init__(self, lines: Iterable[str], charset: Charset) -> None:
        self._trie = _Trie(lines, charset)
        self.scores = lru_cache(CACHED_ROWS)(self._scores)

    def step(self, state: int, number: int) -> int:
        """The node of the trie."""
        return self._trie.child(state, number)

    def end(self, state: int) -> float:
        """0 behind a whole line."""
        return 0.0 if self._trie.final[state] else -math.inf

    def _scores(self, state: int) -> Scores:
        row = np.full(self._trie.classes, -math.inf)
        row[self._trie.letters(state)] = 0.0
        return row


class Words:
    """The guide that prefers texts made of known words: each other word costs something, infinity to forbid it.

    A word is a run of letters. What stands around words costs nothing: spaces, digits, punctuation. A word written
    small is also known with a capital at its beginning, any word in capitals throughout. Also free are up to two
    letters behind a digit (4th, 5kg), and the beginning of a known word before a hyphen at the end of the line.
    """

    most = 0.0
    floor = -math.inf

    def __init__(self, words: Iterable[str], charset: Charset, *, cost: float) -> None:
        """Learn words that are letters throughout; those with letters that the charset lacks are left out."""
        self._trie = _Trie(_spellings(words), charset)
        self._cost = cost
        letters = [unicodedata.category(character)[0] in "LM" for character in charset.characters]
        digits = [character.isdecimal() for character in charset.characters]
        self._is_letter = np.array([False] * (BLANK + 1) + letters)
        self._is_digit = np.array([False] * (BLANK + 1) + digits)
        self._hyphens = {
            number for number, character in enumerate(charset.characters, BLANK + 1) if character in "-‐¬⸗"
        }
        # States are the nodes of the trie, its root between words, and behind them those without a node.
        self.start = 0
        self._strange = self._trie.nodes  # in a word that is not known and paid for
        self._digit = self._trie.nodes + 1
        self._digit_letter = self._trie.nodes + 2
        self._digit_letters = self._trie.nodes + 3
        self._hyphen = self._trie.nodes + 4  # behind the beginning of a word, which costs if the line goes on
        self.scores = lru_cache(CACHED_ROWS)(self._scores)

    def step(self, state: int, number: int) -> int:
        """The node of a word that is known so far, or one of the states behind them."""
        if not self._is_letter[number]:
            if self._is_digit[number]:
                return self._digit
            return self._hyphen if number in self._hyphens and self._owes(state) else self.start
        if state >= self._trie.nodes and state != self._hyphen:
            return {self._digit: self._digit_letter, self._digit_letter: self._digit_letters}.get(state, self._strange)
        child = self._trie.child(self.start if state == self._hyphen else state, number)
        return self._strange if child < 0 else child

    def end(self, state: int) -> float:
        """Nothing, or the cost of a word that is only begun."""
        return -self._cost if self._owes(state) else 0.0

    def _scores(self, state: int) -> Scores:
        if state == self._hyphen:
            return self._scores(self.start) - self._cost
        row = np.zeros(self._trie.classes)
        if state < self._trie.nodes:
            if self._owes(state):
                row[:] = -self._cost
                row[list(self._hyphens)] = 0.0
            else:
                row[self._is_letter] = -self._cost
            row[self._trie.letters(state)] = 0.0
        elif state == self._digit_letters:
            row[self._is_letter] = -self._cost
        return row

    def _owes(self, state: int) -> bool:
        """Whether a state is inside of a word, so that it costs something to end there."""
        return self.start < state < self._trie.nodes and not self._trie.final[state]


class _Trie:
    """Texts by their beginnings: node 0 is no text, those of a node's children stand one behind the other.

    Flat arrays, seven bytes for a node; 100,000 words and their capitals are 600,000 nodes.
    """

    def __init__(self, texts: Iterable[str], charset: Charset) -> None:
        """Take in texts in NFC; those with characters outside of the charset are left out."""
        self.classes = charset.classes
        table, lengths = _table(sorted(set(texts)), charset)
        # Depth by depth: a text starts a new node where it differs from the one before it there or further left.
        differs = np.ones(table.shape, dtype=np.bool_)
        differs[1:] = np.logical_or.accumulate(table[1:] != table[:-1], axis=1)
        fresh = differs & (np.arange(table.shape[1]) < lengths[:, None])
        counts = fresh.sum(axis=0)
        begins = np.concatenate(([1], 1 + counts.cumsum()))  # depth -> its first node
        self.nodes = int(begins[-1])
        self._letters = np.zeros(self.nodes, dtype=np.int16)
        self._children = np.full(self.nodes + 1, self.nodes, dtype=np.int32)  # node -> the first of its children
        self._children[0] = 1
        self.final = np.zeros(self.nodes, dtype=np.bool_)
        for depth, (begin, count) in enumerate(zip(begins.tolist(), counts.tolist(), strict=False)):
            starts = fresh[:, depth].nonzero()[0]
            self._letters[begin : begin + count] = table[starts, depth]
            if depth + 1 < table.shape[1]:
                before = fresh[:, depth + 1].cumsum() - fresh[:, depth + 1]
                self._children[begin : begin + count] = begins[depth + 1] + before[starts]
            ending = lengths == depth + 1
            self.final[begin - 1 + fresh[:, depth].cumsum()[ending]] = True
        self.final[0] = bool((lengths == 0).any())

    def letters(self, node: int) -> npt.NDArray[np.int16]:
        """Classes that lead on from a node."""
        return self._letters[self._children[node] : self._children[node + 1]]

    def child(self, node: int, number: int) -> int:
        """Node that a class leads to, -1 where none does."""
        places = (self.letters(node) == number).nonzero()[0]
        return int(self._children[node] + places[0]) if len(places) else -1


def _table(rows: Sequence[str], charset: Charset) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.intp]]:
    """Classes of texts (rows, longest) with 0 behind the shorter, and their lengths; those with strangers left out."""
    lengths = np.array([len(row) for row in rows], dtype=np.intp)
    longest = int(lengths.max(initial=0))
    points = np.frombuffer("".join(rows).encode("utf-32-le"), dtype=np.uint32)
    classes = np.zeros(int(points.max(initial=0)) + 1, dtype=np.int16)
    for number, character in enumerate(charset.characters, BLANK + 1):
        if ord(character) < len(classes):
            classes[ord(character)] = number
    within = np.arange(longest) < lengths[:, None]
    table = np.zeros((len(rows), longest), dtype=np.int16)
    table[within] = classes[points]
    known = ((table > BLANK) | ~within).all(axis=1)
    return table[known], lengths[known]


def _spellings(words: Iterable[str]) -> Iterator[str]:
    """Each word as it is, with a capital at its beginning, and in capitals."""
    for word in words:
        yield from (word, word[:1].upper() + word[1:], word.upper())


def _lines(source: str | Path | Iterable[str]) -> Iterator[str]:
    if isinstance(source, (str, Path)):
        try:
            text = Path(source).read_text(encoding="utf-8-sig")
        except OSError as fault:
            raise UsageError(f"{source}: cannot be read ({fault.strerror}); name a file of words or lines") from None
        except UnicodeDecodeError:
            raise UsageError(f"{source}: is not text in UTF-8; write one word or line on each line") from None
        source = text.split("\n")
    return (unicodedata.normalize("NFC", line.strip()) for line in source)
