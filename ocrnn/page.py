"""Pages for a browser that need nothing else: style, tables, lines with their pictures.

They open from a disk, in light and dark, on a telephone; nothing is fetched and nothing runs but a page's own script,
which the page itself forbids. Every text that comes from data goes through `escaped`, or `spelled` and JSON.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from ocrnn.image import Grey

_HIGHEST_PX, _WIDEST_PX = 48, 1600
_QUALITY = 60
"""Of WebP: a line of print takes 4 KB and can be read."""

_WORD = re.compile(r"(?!to\b)[^\W\d_]{2}")
"""What makes a column one of texts: letters beside one another, but for those of an interval, 1 to 2."""
_HEAD = b"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
"""
_STYLE = """
:root { color-scheme: light dark; --ground: #fff; --ink: #1c1e21; --faint: #5f6670; --rule: #d5d9de; --soft: #f3f5f7;
  --wrong: #ffd7d5; --wrong-ink: #82071e; --blue: #0b62c4; --orange: #b45309; --grey: #6b7280; --warn: #fff3cd; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171a; --ink: #e4e7ea; --faint: #9aa3ad; --rule: #363c43;
  --soft: #1e2328; --wrong: #5c1a1f; --wrong-ink: #ffc9c9; --blue: #6cb2ff; --orange: #f0a45d; --grey: #9aa3ad;
  --warn: #40351a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 68rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; padding-top: .5rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
p { margin: .5rem 0; max-width: 46rem; }
.note, figcaption, .line header span { color: var(--faint); font-size: .875rem; }
.advice { background: var(--warn); border-left: 4px solid var(--orange); padding: .5rem .75rem; }
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9375rem; overflow-wrap: normal; }
th, td { text-align: right; padding: .2rem .75rem; border-bottom: 1px solid var(--rule); vertical-align: top; }
td:not(:last-child) { white-space: nowrap; }
th { font-weight: 600; color: var(--faint); }
th.texts, td.texts { text-align: left; }
th:first-child, td:first-child { padding-left: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0; }
dt { color: var(--faint); }
dd { margin: 0; font-variant-numeric: tabular-nums; min-width: 0; }
figure { margin: .5rem 0 1rem; }
svg { width: 100%; max-width: 36rem; height: auto; font: 11px system-ui, sans-serif; fill: var(--ink); display: block; }
img { height: 40px; width: auto; max-width: none; display: block; background: #fff; }
.picture { overflow-x: auto; border: 1px solid var(--rule); background: #fff; width: fit-content; max-width: 100%; }
.line { margin: .75rem 0 1.25rem; }
.line header { display: flex; flex-wrap: wrap; gap: 0 .75rem; align-items: baseline; }
.pair { font: 15px/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; margin: .35rem 0 0; }
.pair > span { display: inline-block; vertical-align: top; white-space: pre; }
.pair > span > span { display: block; min-height: 1.45em; padding: 0 1px; unicode-bidi: isolate; }
.pair > .differs > span { background: var(--wrong); color: var(--wrong-ink); text-align: center; }
.pair > span > span:first-child { color: var(--faint); }
.pair > .differs > span { color: var(--wrong-ink) !important; }
.pair > .names > span { color: var(--faint); padding-right: 1ch; }
@media (max-width: 30rem) { body { padding: .75rem; } dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .4rem; } table { font-size: .8125rem; } th, td { padding: .2rem .3rem; } }
"""


def page(title: str, parts: Iterable[str], *, style: str = "", script: str = "") -> bytes:
    """A whole page as UTF-8; `title` is text, `parts` are HTML, `style` and `script` are of the page's own kind.

    Nothing but that script runs, and it is known by its digest: what data bring can neither replace it nor add to it.
    """
    body = "\n".join(parts)
    allowed = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        allowed += f"; script-src 'sha256-{digest}'"
        body += f"\n<script>{script}</script>"
    text = f"""<meta http-equiv="Content-Security-Policy" content="{allowed}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escaped(title)}</title>
<style>{_STYLE}{style}</style>
</head>
<body>
<h1>{escaped(title)}</h1>
{body}
</body>
</html>
"""
    return _HEAD + text.encode()


def is_page(beginning: bytes, title: str) -> bool:
    """Tell whether a file that begins so is a page made here, with a title that begins so."""
    return beginning.startswith(_HEAD) and f"<title>{escaped(title)}".encode() in beginning.partition(b"<style>")[0]


def escaped(text: object) -> str:
    """Text as HTML; what has no shape or cannot be encoded is spelled out.

    >>> escaped('<b>' + chr(0x200B))
    '&lt;b&gt;[U+200B]'
    """
    return html.escape(spelled(str(text)))


def spelled(text: str) -> str:
    """Text whose characters all have a shape: what has none, or cannot be encoded, is named by its number."""
    return "".join(c if c.isprintable() else f"[U+{ord(c):04X}]" for c in text)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows of texts and numbers under their headings: texts stand left, numbers right.

    A first cell that begins with spaces belongs to the row above it and is set in by as much.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    texts = [column == 0 or any(_WORD.search(row[column]) for row in cells) for column in range(len(header))]

    def in_row(tag: str, row: Sequence[str]) -> str:
        kinds = (' class="texts"' if is_text else "" for is_text in texts)
        inset = (len(row[0]) - len(row[0].lstrip(" "))) / 2 if row else 0
        first = f' style="padding-left: {inset:g}rem"' if inset else ""
        shown = (
            f"<{tag}{kind}{first * (place == 0)}>{escaped(text)}</{tag}>"
            for place, (kind, text) in enumerate(zip(kinds, row, strict=True))
        )
        return f"<tr>{''.join(shown)}</tr>"

    body = "\n".join(in_row("td", row) for row in cells)
    return (
        f'<div class="scroll"><table>\n<thead>{in_row("th", header)}</thead>\n<tbody>\n{body}\n</tbody></table></div>'
    )


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """Names with what they are, below one another."""
    return "<dl>" + "".join(f"<dt>{escaped(name)}</dt><dd>{escaped(value)}</dd>" for name, value in pairs) + "</dl>"


def picture(grey: Grey, what: str) -> str:
    """Picture (h, w) inside of the page, small enough to have many; `what` says what it shows."""
    return f'<div class="picture"><img src="{photograph(grey, _HIGHEST_PX, _WIDEST_PX)}" alt="{escaped(what)}"></div>'


def photograph(grey: Grey, highest_px: int, widest_px: int) -> str:
    """Address that holds a picture (h, w), made no larger than these sizes and stored with some loss."""
    scale = min(1.0, highest_px / grey.shape[0], widest_px / grey.shape[1])
    if scale < 1:
        size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    return _address(Image.fromarray(grey), "WEBP", quality=_QUALITY)


def tint(strength: npt.NDArray[np.floating[Any]], colour: tuple[int, int, int]) -> str:
    """Address that holds one colour, as dense at each place as `strength` (h, w) says, 0 clear to 1 full, in 16 steps.

    It lies over what is behind it, in light and dark.
    """
    picture = Image.fromarray(np.rint(np.clip(strength, 0, 1) * 15).astype(np.uint8), "P")
    picture.putpalette(colour * 16)
    return _address(picture, "PNG", transparency=bytes(range(0, 256, 17)), bits=4, optimize=True)


def _address(picture: Image.Image, form: str, **options: object) -> str:
    stored = io.BytesIO()
    picture.save(stored, form, **options)
    return f"data:image/{form.lower()};base64,{base64.b64encode(stored.getvalue()).decode()}"


def line(name: str, note: str, shown: str, below: str = "") -> str:
    """One line: what it is called, a note, its `picture`, and what stands `below` it."""
    return (
        f'<section class="line"><header><strong>{escaped(name)}</strong><span>{escaped(note)}</span></header>'
        f"{shown}{below}</section>"
    )
