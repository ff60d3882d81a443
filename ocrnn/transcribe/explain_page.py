"""An explanation becomes a page for a browser: one file that needs nothing else."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ocrnn import page
from ocrnn.charset import BLANK
from ocrnn.reading import Character, Reading
from ocrnn.transcribe.explain import Explanation, Step
from ocrnn.transcribe.saliency import spread

MOST_COLUMNS = 10_000
"""Columns of a prepared line that are shown. A receipt takes 50 KB, a line of 2,400 columns 230 KB, none over 3 MB."""

_WIDTH_PX, _LEAST_SCALE, _MOST_SCALE = 1040, 2.5, 4.0
"""A line fills the page where it can: with 2.5 pixels for a column, a frame of four columns holds a letter."""
_RANKS, _ROW_PX = 3, 16
_FAINT, _SLIGHT = 0.02, 0.001
"""Probabilities under which a class gets no letter in the strip, and is not told of its frame."""
_LEAST_FALL = 0.1  # nats; a patch that leaves nine tenths of the probability tells nothing
_WIDEST_PX = 16_000  # WebP's own limit is 16,383
_VIOLET, _BLUE, _GREY = (170, 0, 200), (59, 130, 246), (128, 134, 145)


def to_html(lines: Iterable[tuple[str, Explanation]], title: str, about: Mapping[str, object]) -> bytes:
    """A page of lines, each under its name; `about` says by name what read them."""
    here = Path(__file__)
    style, script = (here.with_name(f"explain.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    return page.page(title, _parts(lines, about), style=style, script=script)


def _parts(lines: Iterable[tuple[str, Explanation]], about: Mapping[str, object]) -> Iterator[str]:
    yield page.facts(about.items())
    yield (
        '<noscript><p class="advice">Without scripts this page shows no steps of the beam and nothing when pointed at; '
        "all else is in the table below each line.</p></noscript>"
    )
    for name, found in lines:
        yield f'<section class="explained" aria-label="{page.escaped(name)}">'
        yield f"<h2>{page.escaped(name)}</h2>"
        yield from _line(found)
        yield "</section>"


def _line(found: Explanation) -> Iterator[str]:
    reading = found.reading
    if reading.several_lines:
        yield '<p class="advice">The picture seems to hold several lines, of which no reader of lines makes sense.</p>'
    yield _text(reading)
    if reading.overruled is not None:
        free = page.escaped(reading.overruled.text)
        yield f"<p>The picture alone reads as <q>{free}</q>; a constraint chose otherwise.</p>"
    yield (
        f"<p><strong>{_percent(reading.confidence)}</strong> sure that the whole line is right. "
        "Under each word stands how sure it is; the more orange a character, the more doubtful.</p>"
        if reading.text
        else "<p><strong>Nothing was read.</strong> That nothing stands here has a probability of "
        f"{_percent(reading.confidence)}.</p>"
    )
    hint = (
        "<p>Point at a character, or tap it, to see where it was seen and looked for, and what else could stand there. "
        "The arrow keys go from one to the next.</p>"
    )
    yield f'<div class="about" aria-live="polite">{hint if reading.text else ""}{_texts(found)}</div>'
    yield _stage(found)
    if found.steps:
        yield _BEAM.format(last=len(found.steps) - 1)
    yield _table(found)
    yield f'<script type="application/json">{_data(found)}</script>'


def _text(reading: Reading) -> str:
    """The text as buttons, one for each character, words kept together with their confidence below."""
    buttons = [
        f'<button type="button" data-n="{place}" aria-pressed="false" style="{_doubt(character)}">'
        f"{page.escaped(_visible(character.text))}</button>"
        for place, character in enumerate(reading.characters)
    ]
    words, shown = iter(reading.words), []
    for is_space, run in groupby(
        zip(buttons, reading.characters, strict=True), lambda button: button[1].text.isspace()
    ):
        below = "" if is_space else f"<small>{_percent(next(words).confidence)}</small>"
        shown.append(f'<span class="word"><span>{"".join(button for button, _ in run)}</span>{below}</span>')
    return f'<div class="text" role="group" aria-label="{page.escaped(reading.text)}">{"".join(shown)}</div>'


def _texts(found: Explanation) -> str:
    if not found.texts:
        return ""
    rows = [(_spaced(text) or "(nothing)", _percent(probability)) for text, probability in found.texts]
    told = "The likeliest texts of the whole line, each over all its paths, as a beam finds them:"
    if found.texts[0][0] != found.reading.text:
        told += " the first is not the one that was read."
    return f'<p class="note">{told}</p>{page.table(("text", "probability"), rows)}'


def _spaced(text: str) -> str:
    """A text whose runs of spaces are marked, each of which a browser would show as one."""
    return re.sub(" {2,}", lambda run: len(run[0]) * "␣", text)


_BEAM = """<details class="beam"><summary>Steps of the beam</summary>
<p class="note">The beam goes through the line frame by frame and keeps the likeliest texts begun; here are the best
five after a frame. Log-probability: 0 is certain, each -2.3 a tenth of that. Move the slider, or click into the
picture.</p>
<p><label><span class="frame-name"></span>
<input type="range" class="frame" min="0" max="{last}" value="{last}" aria-label="frame"></label></p>
<p class="note">What the network says in this frame:</p><div class="classes"></div>
<div class="scroll"><table class="steps">
<thead><tr><th></th><th class="texts">text begun</th><th>log-probability</th></tr></thead>
<tbody></tbody></table></div></details>"""


def _stage(found: Explanation) -> str:
    """Picture, line, spans and posteriors above one another, each column where its frame is."""
    columns, line_format, zoom = _columns(found), found.spec.line_format, _scale(found)
    height, width = found.grey.shape
    line = np.rint(255 * (1 - np.clip(found.line[0, :, :columns], 0, 1))).astype(np.uint8)
    cut = "" if columns == found.line.shape[2] else f"; this page shows the first {columns:,} columns"
    high = f"height: {line_format.height * zoom:.0f}px"
    layers = (
        f'<div class="upper"><h3>The picture as it was given, {width} x {height} px{cut}</h3>',
        f'<div class="paper" style="{high}">',
        *_given(found, columns),
        f"</div><h3>As the network gets it, {line_format.height} px high. "
        f'<span class="told">{_told(found.saliency.reading, "the reading")}</span> '
        '<button type="button" class="whole" hidden>show the whole line</button></h3>',
        f'<div class="paper" style="{high}">',
        _image("seen", page.photograph(line, line_format.height, _WIDEST_PX), "the line", 0, columns * zoom),
        _image("heat", _heat(found.saliency.reading), "", 0, found.saliency.spread_px[1] * zoom),
        f'</div><h3>What was read, and where it stands</h3><div class="spans">{_boxes(found)}</div>',
        '<div class="mark" hidden></div></div>',
        f"<h3>What the network says in each frame. Grey: no character; blue, with their letters: the {_RANKS} "
        "likeliest. The denser, the likelier</h3>",
        _strip(found, columns),
        '<div class="cursor" hidden></div>',
    )  # fmt: skip
    return (
        '<div class="stage" tabindex="0" role="region" aria-label="the picture, and what the network saw in it">'
        f'<div class="layers" style="width: {columns * zoom:.0f}px">{"".join(layers)}</div></div>'
    )


def _given(found: Explanation, columns: int) -> Iterator[str]:
    """The picture, each stretch of it above its columns of the line."""
    zoom = _scale(found)
    for stretch in found.layout.stretches:
        if stretch.first < columns:
            shown = math.ceil((columns - stretch.origin) / stretch.scale)
            part = found.grey[:, stretch.first_px : min(stretch.last_px, stretch.first_px + max(1, shown))]
            picture = page.photograph(part, round(found.spec.line_format.height * zoom), _WIDEST_PX)
            place = stretch.origin * zoom, part.shape[1] * stretch.scale * zoom
            yield _image("given", picture, "the picture", *place)


def _image(kind: str, address: str, told: str, left: float, width: float) -> str:
    place = f"left: {left:.1f}px; width: {width:.1f}px"
    return f'<img class="{kind}" style="{place}" src="{address}" alt="{page.escaped(told)}">'


def _boxes(found: Explanation) -> str:
    """The characters again, as wide as they stand in the picture."""
    boxes = []
    for place, character in enumerate(found.reading.characters):
        left, right = _edges(found, character)
        if right <= _columns(found) * _scale(found):
            boxes.append(
                f'<button type="button" tabindex="-1" aria-hidden="true" data-n="{place}" style="left: {left:.1f}px; '
                f'width: {right - left:.1f}px; {_doubt(character)}">{page.escaped(_visible(character.text))}</button>'
            )
    return "".join(boxes)


def _edges(found: Explanation, character: Character) -> tuple[float, float]:
    """Pixels of the page between which a character stands."""
    left, right = (found.layout.column(pixel) for pixel in (character.left_px, character.right_px))
    return left * _scale(found), right * _scale(found)


def _told(falls: npt.NDArray[np.float32], what: str) -> str:
    """What the violet on the line means, in words; `falls` (R, P) are nats."""
    most = float(falls.max(initial=0.0))
    if most < _LEAST_FALL:
        return f"No single place matters to {what}: wherever the line is covered, its probability hardly falls."
    lost = f"1/{_rounded(math.exp(most)):,}" if most > math.log(2) else f"{100 * math.exp(-most):.0f} %"
    return f"Violet is where {what} was looked for: to cover the densest place leaves {lost} of its probability."


def _rounded(number: float) -> int:
    """Two digits that count."""
    return int(float(f"{number:.2g}"))


def _strip(found: Explanation, columns: int) -> str:
    """Posteriors of every frame: the blank, and below it the likeliest characters, with their letters."""
    frames = found.log_probs[: _frames(found, columns)]
    probabilities = np.exp(frames)
    order = (-probabilities[:, BLANK + 1 :]).argsort(axis=1, kind="stable")[:, :_RANKS] + BLANK + 1
    ranked = np.take_along_axis(probabilities, order, axis=1)
    letters = []
    for frame, rank in zip(*(ranked >= _FAINT).nonzero(), strict=True):
        x = (_at(found, int(frame)) + _at(found, int(frame) + 1)) / 2
        letter = page.escaped(_visible(found.spec.charset.decode([int(order[frame, rank])])))
        letters.append(f'<text x="{x:.0f}" y="{_ROW_PX * (rank + 2) - 4}">{letter}</text>')
    high = _ROW_PX * (1 + ranked.shape[1])
    blank, others = page.tint(probabilities[:, BLANK][None], _GREY), page.tint(ranked.T, _BLUE)
    return (
        f'<div class="strip" style="height: {high}px">'
        f'<img style="height: {_ROW_PX}px" src="{blank}" alt="">'
        f'<img style="top: {_ROW_PX}px; height: {high - _ROW_PX}px" src="{others}" alt="">'
        '<svg role="img" aria-label="the likeliest characters of each frame" fill="currentColor">'
        f'{"".join(letters)}</svg><div class="mark" hidden></div></div>'
    )


def _table(found: Explanation) -> str:
    """Everything that pointing at characters tells, for those who cannot."""
    rows = []
    for character, choices in zip(found.reading.characters, found.choices, strict=True):
        others = [f"{_named(text)} {_percent(share)}" for text, share in choices[1:]]
        columns = f"{character.left_px:.0f} to {character.right_px:.0f}"
        rows.append((_named(character.text), _percent(character.confidence), columns, ", ".join(others) or "-"))
    if not rows:
        return ""
    header = ("read", "confidence", "columns of the picture", "what else could stand there")
    return f"<details><summary>All characters as a table</summary>{page.table(header, rows)}</details>"


def _data(found: Explanation) -> str:
    """What the script shows, as JSON that no text in it can end."""
    columns = _columns(found)
    tree, steps = _tree(found.steps)
    data = {
        "told": _told(found.saliency.reading, "the reading"),
        "heat": _heat(found.saliency.reading),
        "characters": [
            {
                "text": _named(character.text),
                "confidence": round(character.confidence, 4),
                "place": [round(px, 1) for px in _edges(found, character)],
                "frames": [round(_at(found, frame), 1) for frame in (first, last)],
                "where": _where(character, first, last),
                "choices": [(_named(text), round(share, 4)) for text, share in choices],
                "told": _told(found.saliency.characters[place], f"“{_visible(character.text)}”"),
                "heat": _heat(found.saliency.characters[place]),
            }
            for place, (character, (first, last), choices) in enumerate(
                zip(found.reading.characters, found.spans, found.choices, strict=True)
            )
            if _edges(found, character)[1] <= columns * _scale(found)
        ],
        "frame_px": round(_at(found, 1), 3),
        "frames": [_likeliest(found, frame) for frame in found.log_probs] if steps else [],
        "tree": tree,
        "steps": steps,
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _tree(steps: Iterable[Step]) -> tuple[list[tuple[int, str]], list[list[tuple[int, float]]]]:
    """Prefixes as nodes of a tree, (node before, last character), each text told once; of each step nodes and logp."""
    tree: list[tuple[int, str]] = [(-1, "")]
    nodes = {"": 0}
    told = []
    for step in steps:
        row = []
        for prefix, logp in step.prefixes:
            for end in range(1, len(prefix) + 1):
                if prefix[:end] not in nodes:
                    nodes[prefix[:end]] = len(tree)
                    tree.append((nodes[prefix[: end - 1]], page.spelled(prefix[end - 1])))
            row.append((nodes[prefix], round(logp, 2)))
        told.append(row)
    return tree, told


def _likeliest(found: Explanation, frame: npt.NDArray[np.float32]) -> list[tuple[str, float]]:
    best, *others = (-frame).argsort(kind="stable")[: _RANKS + 1].tolist()
    numbers = [best, *(number for number in others if math.exp(frame[number]) >= _SLIGHT)]
    return [
        (_named("" if number == BLANK else found.spec.charset.decode([number])), round(math.exp(frame[number]), 4))
        for number in numbers
    ]


def _heat(falls: npt.NDArray[np.float32]) -> str:
    """Address of a picture of what patches cost (R, P): full where it is most, and at least a nat."""
    cost = spread(np.maximum(falls, 0))
    return page.tint(0.75 * cost / max(1.0, float(cost.max())), _VIOLET)


def _doubt(character: Character) -> str:
    return f"--doubt: {1 - character.confidence:.3f}"


def _where(character: Character, first: int, last: int) -> str:
    frames = f"frame {first + 1}" if last == first + 1 else f"frames {first + 1} to {last}"
    columns = f"columns {character.left_px:.0f} to {character.right_px:.0f} of the picture"
    return f"{columns}, read in {frames}"


def _columns(found: Explanation) -> int:
    """Columns of the prepared line that are shown."""
    columns: int = found.line.shape[2]
    return min(columns, MOST_COLUMNS)


def _frames(found: Explanation, columns: int) -> int:
    frames: float = len(found.log_probs) * columns / found.line.shape[2]
    return round(frames)


def _scale(found: Explanation) -> float:
    """Pixels of the page for a column of the prepared line."""
    columns: int = found.line.shape[2]
    return min(_MOST_SCALE, max(_LEAST_SCALE, _WIDTH_PX / columns))


def _at(found: Explanation, frame: int) -> float:
    """Pixel of the page at which a frame begins."""
    columns: int = found.line.shape[2]
    return frame * columns * _scale(found) / max(1, len(found.log_probs))


def _visible(text: str) -> str:
    """One character with a shape: a space is marked, a mark that stands on letters gets something to stand on."""
    if text == " ":
        return "␣"
    return "◌" + text if unicodedata.combining(text) else page.spelled(text)


def _named(text: str) -> str:
    return "␣ (space)" if text == " " else _visible(text) if text else "nothing"


def _percent(share: float) -> str:
    return ">99.9 %" if 0.9995 <= share < 1 else "<0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"
