"""Scripts other than the one a model reads: what to draw for it to leave alone.

Receipts, signs and books mix scripts. A recognizer that has seen one alone reads the others as whatever letters come
nearest, a dozen for each ideograph; lines of these characters, labelled with the rest of what they say, teach it that
they say nothing to it. Cyrillic and Greek are not among them: a reader of Latin cannot know whether РАСЕ is a word.
"""

from __future__ import annotations

import unicodedata


def _rows(encoding: str, first: int, last: int) -> str:
    """Characters of rows of a national standard with 94 in each, as its EUC encoding numbers them."""
    codes = (bytes((row, cell)) for row in range(first, last + 1) for cell in range(0xA1, 0xFF))
    return "".join(code.decode(encoding, "ignore") for code in codes)


def _block(first: int, last: int) -> str:
    """Letters among the code points of a Unicode block."""
    return "".join(c for c in map(chr, range(first, last + 1)) if unicodedata.category(c) in ("Lo", "Mc"))


SCRIPTS: tuple[str, ...] = (
    _rows("gb2312", 0xB0, 0xD7),  # the 3,755 commonest ideographs, GB/T 2312-1980, level 1
    _rows("euc_jp", 0xA4, 0xA5),  # kana, JIS X 0208
    _rows("euc_kr", 0xB0, 0xC8),  # Hangul, KS X 1001
    _block(0xFE80, 0xFEF4),  # Arabic in the forms it takes between neighbours, which need no shaping
    _block(0x5D0, 0x5EA),  # Hebrew
    _block(0x904, 0x939),  # Devanagari
    _block(0x985, 0x9B9),  # Bengali
    _block(0xB85, 0xBB9),  # Tamil
    _block(0xE01, 0xE30),  # Thai
    _block(0x1000, 0x102A),  # Burmese
)
"""Letters of each script, without marks that lean on others."""
