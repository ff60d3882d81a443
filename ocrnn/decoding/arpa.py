r"""Language models as files: the ARPA format, as SRILM, KenLM and others read and write it.

Common logarithms, one n-gram a line: log10 p, tab, tokens with spaces between, and, where longer n-grams go on from it,
tab and log10 of its back-off weight. A character is a token, and the space is written `<space>`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from ocrnn.decoding.ctc import Scores
from ocrnn.decoding.ngram import END, NEVER, SPECIAL, START, UNKNOWN, Ngrams, Numbers, find
from ocrnn.errors import UsageError

HEAD = b"\\data\\\n"
"""How a file begins."""
SPACES = ("<space>", "▁", "|")
"""What stands for the space: the first of these that a file knows. Kaldi, ESPnet and PyLaia write the first."""

_LN10 = math.log(10)
_UNSEEN = -100 * _LN10  # of UNKNOWN where a file has none, as KenLM takes it
_TOKEN_WIDTH = 8  # bytes: one character has 4, <space> 7
_NUMBER_WIDTH = 24  # bytes: a double has no more that mean anything
_NUMBER_BYTES = np.isin(np.arange(256), list(b"\x000123456789+-.eE"))
_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MARK = re.compile(rb"^\\(?:(data)|(\d{1,3})-grams:|(end))\\?[ \t\r]*$", re.MULTILINE)
_COUNT = re.compile(rb"ngram[ \t]+(\d{1,3})[ \t]*=[ \t]*(\d{1,18})")
_WAY_OUT = "make one with `ocrnn lm build`"


def arpa(model: Ngrams) -> Iterator[bytes]:
    """Give the parts of a model's ARPA file, with seven digits of each number."""
    tokens = [SPACES[0] if token == " " else token for token in model.tokens]
    sizes = np.diff(model.levels).tolist()
    counts = "".join(f"ngram {length}={size}\n" for length, size in enumerate(sizes, 1))
    yield HEAD + counts.encode()
    parents, lasts = model.parents, model.lasts
    texts = [""]  # of the nodes one shorter, the first of which is `before`
    before = 0
    for length, (first, end) in enumerate(pairwise(model.levels), 1):
        nodes = slice(first - 1, end - 1)
        heads = (parents[nodes] - before).tolist()
        texts = [
            f"{texts[head]} {tokens[last]}".lstrip(" ") for head, last in zip(heads, lasts[nodes].tolist(), strict=True)
        ]
        logps = (model.logps[nodes] / _LN10).tolist()
        yield f"\n\\{length}-grams:\n".encode()
        if length == model.order:
            rows = [f"{logp:.7g}\t{text}\n" for logp, text in zip(logps, texts, strict=True)]
        else:
            weights = (model.backoffs[nodes] / _LN10).tolist()
            rows = [f"{p:.7g}\t{text}\t{weight:.7g}\n" for p, text, weight in zip(logps, texts, weights, strict=True)]
        yield "".join(rows).encode()
        before = first
    yield b"\n\\end\\\n"


def read_arpa(path: str | Path) -> Ngrams:
    """Open a model of characters; UsageError, by file and line, for anything that is none.

    Strict where a slip would change probabilities: other counts than the header announces, an n-gram that is there
    twice or without the one it goes on from, numbers that are no logarithms of probabilities. Takes some ten times the
    file's size in memory.
    """
    try:
        data = Path(path).read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as fault:
        raise UsageError(f"{path}: cannot be read ({fault.strerror}); name a language model in ARPA form") from None
    single, *longer = _sections(path, data)
    tokens, codes = _tokens(single)
    order = np.argsort(codes)
    levels = [_single(single, tokens, codes)]
    keys = levels[0].keys
    for section in longer:
        words = _words(section, codes, order)
        nodes = 1 + words[:, 0]
        for following in words.T[1:-1]:
            nodes = find(keys, nodes * len(tokens) + following)
            _refuse_any(section, nodes < 0, f"goes on from {section.length - 1} tokens that are no n-gram of the file")
        level = _Level(nodes * len(tokens) + words[:, -1], *_weights(section))
        rising = level.keys.argsort(kind="stable")
        repeated = np.zeros(len(rising), dtype=bool)
        repeated[rising[1:]] = level.keys[rising[1:]] == level.keys[rising[:-1]]
        _refuse_any(section, repeated, "an n-gram that was there before")
        levels.append(_Level(level.keys[rising], level.logps[rising], level.backoffs[rising]))
        keys = np.concatenate((keys, levels[-1].keys))
    return Ngrams(tokens, *(np.concatenate(parts) for parts in zip(*levels, strict=True)))


class _Section(NamedTuple):
    """The n-grams of one length as they stand in the file: E entries, each a line of fields.

    `starts` and `ends` are the places of all fields in `data`, `heads` says which of them each entry begins with (E,),
    and `fields` how many it has (E,).
    """

    path: str | Path
    data: npt.NDArray[np.uint8]
    length: int
    longest: bool
    lines: Numbers
    starts: Numbers
    ends: Numbers
    heads: Numbers
    fields: Numbers


class _Level(NamedTuple):
    """Keys, log-probabilities and back-offs of the n-grams of one length, as `Ngrams` has them."""

    keys: Numbers
    logps: Scores
    backoffs: Scores


def _sections(path: str | Path, data: bytes) -> list[_Section]:
    """Take a file apart by its headings."""
    marks = list(_MARK.finditer(data))
    names = [b"data", *(b"%d" % length for length in range(1, len(marks) - 1)), b"end"]
    if [mark.group(1) or mark.group(2) or mark.group(3) for mark in marks] != names or len(names) < 3:
        raise UsageError(
            f"{path}: not a language model in ARPA form, with \\data\\, \\1-grams: and so on up to \\end\\; {_WAY_OUT}"
        )
    if data[: marks[0].start()].strip():
        raise UsageError(f"{path}:1: something stands before \\data\\; remove it")
    announced = []
    first = _line(data, marks[0].end())
    for number, line in enumerate(data[marks[0].end() : marks[1].start()].split(b"\n"), first):
        if count := _COUNT.fullmatch(line.strip()):
            announced.append((int(count.group(1)), int(count.group(2))))
        elif line.strip():
            raise UsageError(f"{path}:{number}: not of the form `ngram 1=200`; {_WAY_OUT}")
    sections = []
    for length, (mark, following) in enumerate(pairwise(marks[1:]), 1):
        section = _section(path, data, mark.end(), following.start(), length, longest=length == len(marks) - 2)
        if len(announced) < length or announced[length - 1] != (length, len(section.lines)):
            raise UsageError(
                f"{path}: holds {len(section.lines)} {length}-grams, which is not what its \\data\\ says; "
                f"the file may be cut off: fetch it again, or {_WAY_OUT}"
            )
        sections.append(section)
    return sections


def _section(path: str | Path, data: bytes, begin: int, end: int, length: int, *, longest: bool) -> _Section:
    """Find the fields of all entries between two places of a file."""
    part = np.frombuffer(data, dtype=np.uint8)[begin:end]
    blank = np.isin(part, list(b" \t\r\n"))
    edges = np.flatnonzero(np.diff(np.concatenate(([True], blank, [True]))))
    starts, ends = edges[0::2], edges[1::2]
    fields = np.bincount(np.searchsorted(np.flatnonzero(part == ord("\n")), starts))
    entries = np.flatnonzero(fields)
    fields = fields[entries]
    lines = entries + _line(data, begin)
    section = _Section(path, part, length, longest, lines, starts, ends, np.cumsum(fields) - fields, fields)
    allowed = (length + 1,) if longest else (length + 1, length + 2)
    _refuse_any(section, ~np.isin(fields, allowed), f"not a logarithm and {length} tokens")
    return section


def _tokens(section: _Section) -> tuple[tuple[str, ...], npt.NDArray[np.uint64]]:
    """Tokens of the model, sorted, and the code that each has in the file; UNKNOWN is among them in any case."""
    codes = _codes(section, section.heads + 1)
    texts = []
    for number, field in enumerate(section.heads + 1):
        try:
            texts.append(section.data[section.starts[field] : section.ends[field]].tobytes().decode())
        except UnicodeDecodeError:
            _refuse(section, number, "a token that is no UTF-8")
    space = next((text for text in SPACES if text in texts), None)
    known: dict[str, int] = {}
    for number, (text, code) in enumerate(zip(texts, codes.tolist(), strict=True)):
        token = " " if text == space else UNKNOWN if text == UNKNOWN.upper() else unicodedata.normalize("NFC", text)
        if len(token) > 1 and token not in SPECIAL:
            _refuse(section, number, f"{text!r} is not one character: this is a model of words, or of something else")
        if token in known:
            _refuse(section, number, f"{text!r} was there before")
        known[token] = code
    for token in (START, END):
        if token not in known:
            raise UsageError(f"{section.path}: knows no {token}, so it cannot tell how lines begin and end; {_WAY_OUT}")
    tokens = (*SPECIAL, *sorted(known.keys() - set(SPECIAL)))
    return tokens, np.array([known.get(token, 0) for token in tokens], dtype=np.uint64)


def _single(section: _Section, tokens: tuple[str, ...], codes: npt.NDArray[np.uint64]) -> _Level:
    """The tokens alone, in their order."""
    logps, backoffs = np.full(len(tokens), _UNSEEN), np.zeros(len(tokens))
    places = _words(section, codes, np.argsort(codes))[:, 0]
    logps[places], backoffs[places] = _weights(section)
    logps[tokens.index(START)] = NEVER
    return _Level(np.arange(len(tokens)), logps, backoffs)


def _words(section: _Section, codes: npt.NDArray[np.uint64], order: Numbers) -> Numbers:
    """Token numbers of each entry (E, length); `order` sorts the codes."""
    columns = []
    for column in range(1, section.length + 1):
        wanted = _codes(section, section.heads + column)
        found = order[np.minimum(np.searchsorted(codes, wanted, sorter=order), len(codes) - 1)]
        _refuse_any(section, codes[found] != wanted, f"its token {column} is not among the 1-grams")
        columns.append(found)
    return np.stack(columns, axis=1)


def _codes(section: _Section, fields: Numbers) -> npt.NDArray[np.uint64]:
    """One field of each entry as a number: its bytes, the first being the least."""
    starts, widths = section.starts[fields], section.ends[fields] - section.starts[fields]
    _refuse_any(
        section, widths > _TOKEN_WIDTH, "a token of more than one character: this is a model of words, or the like"
    )
    codes = np.zeros(len(fields), dtype=np.uint64)
    for place in range(_TOKEN_WIDTH):
        there = np.flatnonzero(widths > place)
        codes[there] |= section.data[starts[there] + place].astype(np.uint64) << np.uint64(8 * place)
    return codes


def _weights(section: _Section) -> tuple[Scores, Scores]:
    """Natural logarithms of each entry's probability and of its back-off weight, 0 where it has none."""
    everyone = np.arange(len(section.lines))
    logps = _numbers(section, everyone, section.heads)
    _refuse_any(section, logps > 0, "a probability above 1")
    backoffs = np.zeros(len(logps))
    weighted = np.flatnonzero(section.fields == section.length + 2)
    backoffs[weighted] = _numbers(section, weighted, section.heads[weighted] + section.length + 1)
    return logps * _LN10, backoffs * _LN10


def _numbers(section: _Section, entries: Numbers, fields: Numbers) -> Scores:
    """Values of one field of some entries."""
    starts, widths = section.starts[fields], section.ends[fields] - section.starts[fields]
    letters = np.zeros((len(fields), _NUMBER_WIDTH), dtype=np.uint8)
    for place in range(min(_NUMBER_WIDTH, int(widths.max(initial=0)))):
        there = np.flatnonzero(widths > place)
        letters[there, place] = section.data[starts[there] + place]
    texts = letters.view(f"S{_NUMBER_WIDTH}")[:, 0]
    # Only these bytes: numpy would also take nan, inf and 1_000.
    wrong = (widths > _NUMBER_WIDTH) | ~_NUMBER_BYTES[letters].all(axis=1)
    if not wrong.any():
        with suppress(ValueError):
            values: Scores = texts.astype(np.float64)
            if np.isfinite(values).all():
                return values
        wrong = np.array([not (_NUMBER.fullmatch(text) and math.isfinite(float(text))) for text in texts.tolist()])
    worst = int(wrong.argmax())
    _refuse(section, int(entries[worst]), f"{texts[worst].decode('utf-8', 'replace')!r} is no logarithm")


def _refuse_any(section: _Section, wrong: npt.NDArray[np.bool_], reason: str) -> None:
    """Refuse the file for its first wrong entry, if there is one."""
    if wrong.any():
        _refuse(section, int(wrong.argmax()), reason)


def _refuse(section: _Section, entry: int, reason: str) -> NoReturn:
    raise UsageError(f"{section.path}:{section.lines[entry]}: {reason}; {_WAY_OUT}")


def _line(data: bytes, place: int) -> int:
    """Number of the line that a place is in, from 1 on."""
    return data.count(b"\n", 0, place) + 1
