"""The reliability of a confidence, drawn: what was said against what came true."""

from __future__ import annotations

from ocrnn.data.counting import counted
from ocrnn.evaluation.calibration import Reliability

LEGEND = (
    "Each dot stands for an equal share of the lines, with its 95 % interval. On the slanted line, confidence is "
    "the share that is right; below it the model boasts, above it it is too modest."
)


def diagram(found: Reliability) -> str:
    """Share that is right over confidence as SVG."""
    left, top, side = 40, 10, 240

    def place(x: float, y: float) -> tuple[float, float]:
        return round(left + x * side, 1), round(top + (1 - y) * side, 1)

    (x0, y0), (x1, y1) = place(0, 0), place(1, 1)
    parts = [
        f'<svg viewBox="0 0 300 {top + side + 36}" style="max-width: 26rem" role="img" '
        'aria-label="share of lines that are right, by confidence">'
    ]
    for tenth in range(0, 11, 2):
        x, y = place(tenth / 10, tenth / 10)
        parts += [
            f'<line x1="{x}" x2="{x}" y1="{y0}" y2="{y1}" stroke="var(--rule)"/>',
            f'<line x1="{x0}" x2="{x1}" y1="{y}" y2="{y}" stroke="var(--rule)"/>',
            f'<text x="{x}" y="{y0 + 14}" text-anchor="middle">{tenth / 10:g}</text>',
            f'<text x="{x0 - 6}" y="{y + 4}" text-anchor="end">{10 * tenth}</text>',
        ]
    parts.append(f'<line x1="{x0}" x2="{x1}" y1="{y0}" y2="{y1}" stroke="var(--grey)" stroke-dasharray="4 3"/>')
    for each in found.bins:
        x, y = place(each.confidence, each.right)
        (_, low), (_, high) = place(0, each.low), place(0, each.high)
        parts.append(
            f'<g stroke="var(--blue)" fill="var(--blue)"><title>{counted(each.lines, "line")}, '
            f"confidence {each.confidence:.3f}, "
            f'{100 * each.right:.1f} % right</title><line x1="{x}" x2="{x}" y1="{low}" y2="{high}" stroke-width="1.5"/>'
            f'<circle cx="{x}" cy="{y}" r="3.5"/></g>'
        )
    middle = (y0 + y1) / 2
    parts.append(f'<text x="{(x0 + x1) / 2}" y="{y0 + 31}" text-anchor="middle">confidence</text>')
    parts.append(f'<text x="10" y="{middle}" text-anchor="middle" transform="rotate(-90 10 {middle})">right, %</text>')
    return "".join(parts) + "</svg>"
