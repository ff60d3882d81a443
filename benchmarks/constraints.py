"""Errors with and without what is known beforehand: patterns on receipts, a lexicon on books.

    python benchmarks/constraints.py --receipts DIR... --books DIR --learned DIR --texts FILE... [--save]

Of the labelled lines of each --receipts the amounts and the dates are read freely and with `--regex`. Which lines those
are is taken from their labels: an oracle's choice, which a form with fields of its own makes too, but no reader by
itself. The lines of --books are read freely and with a lexicon: the 2,000 commonest words in the labels of --learned,
lines that are not judged, and the 50,000 commonest others of the texts.

Errors are folded as `ocrnn eval` does it. Intervals are those of `ocrnn compare`: the same lines drawn anew for both.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import record

from ocrnn.data.labels import Sample, read_labels
from ocrnn.evaluation.compare import Comparison, Difference, compare
from ocrnn.evaluation.score import read_samples
from ocrnn.transcribe.reader import Reader

PATTERNS = {
    "amounts": r"(RM|MYR)? ?-?\$?\d{1,3}(,?\d{3})*\.\d{2}",
    "dates": r"([Dd]ate|DATE)? ?:? ?\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})( \d{1,2}:\d{2}(:\d{2})?( ?[AP]M)?)?",
}
COMMON, OTHERS = 2_000, 50_000
WORD = re.compile(r"[^\W\d_]+")


def main() -> None:
    """Read the lines twice, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--receipts", type=Path, nargs="+", default=[], help="folders of labelled lines of receipts")
    parser.add_argument("--books", type=Path, help="folder of labelled lines of running text")
    parser.add_argument("--learned", type=Path, help="folder of other lines of the same kind, for the commonest words")
    parser.add_argument("--texts", type=Path, nargs="+", default=[], help="texts for the other words")
    parser.add_argument("-m", "--model", help="default: the shipped model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save", action="store_true", help="keep the figures and put the table into its page")
    options = parser.parse_args()
    if options.books and not (options.learned and options.texts):
        parser.error("--books needs --learned and --texts, which the lexicon is made of")

    def read(samples: Sequence[Sample], **constraint: Any) -> Comparison:
        free, told = (
            list(read_samples(samples, Reader.open(options.model, decoder="beam", threads=options.threads, **known)))
            for known in ({}, constraint)
        )
        return compare(free, told)

    found: list[tuple[str, str, Comparison]] = []
    receipts = [read_labels(folder).samples for folder in options.receipts]
    names = ["/".join(folder.parts[-2:]) for folder in options.receipts]
    if len(receipts) > 1:
        receipts.append(tuple(sample for samples in receipts for sample in samples))
        names.append("all of these")
    for name, samples in zip(names, receipts, strict=True):
        for kind, pattern in PATTERNS.items():
            chosen = [sample for sample in samples if re.fullmatch(pattern, sample.text)]
            if chosen:
                found.append((name, f"{kind} --regex", read(chosen, regex=pattern)))
    if options.books:
        words = lexicon(
            (sample.text for sample in read_labels(options.learned).samples),
            (path.read_text(encoding="utf-8") for path in options.texts),
        )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "words.txt")
            path.write_text("\n".join(words), encoding="utf-8")
            name = "/".join(options.books.parts[-2:])
            found.append((name, "lines --lexicon", read(read_labels(options.books).samples, lexicon=path)))

    rows, figures = [], []
    for name, kind, both in found:
        for unit, gap in (("characters", both.cer), ("words", both.wer)):
            rows.append(row(name, kind, unit, len(both.first.lines), gap))
            figures.append(
                {"set": name, "kind": kind, "of": unit, "lines": len(both.first.lines), **vars(gap), "gap": gap.gap}
            )
    head = ["set", "lines", "wrong, in %, of", "free", "told", "difference, 95 %"]
    record.publish("constraints", figures, record.table(head, rows), save=options.save)


def lexicon(learned: Iterable[str], texts: Iterable[str]) -> list[str]:
    """The COMMON commonest words of some texts and the OTHERS commonest of others that are not among them."""
    common = [word for word, _ in counted(learned).most_common(COMMON)]
    others = counted(texts)
    for word in common:
        others.pop(word, None)
    return common + [word for word, _ in others.most_common(OTHERS)]


def counted(texts: Iterable[str]) -> Counter[str]:
    """How often each word stands in some texts."""
    return Counter(word for text in texts for word in WORD.findall(text))


def row(name: str, kind: str, unit: str, lines: int, gap: Difference) -> list[str]:
    """One line of the table; a difference that `ocrnn compare` calls proven is bold."""
    mark = "**" if gap.proven else ""
    between = f"{mark}{100 * gap.gap:+.2f} ({100 * gap.low:+.2f} to {100 * gap.high:+.2f}){mark}"
    return [name, f"{lines} {kind}", unit, f"{100 * gap.first:.2f}", f"{100 * gap.second:.2f}", between]


if __name__ == "__main__":
    main()
