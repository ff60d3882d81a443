"""`ocrnn export`: weights become a graph to read with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ocrnn.errors import ImageError, UsageError

if TYPE_CHECKING:
    from ocrnn.image import Line, LineFormat

_MOST_LINES = 256  # more change the scales no further


@click.command(
    epilog="\b\nocrnn export runs/receipts/best.safetensors -o receipts.onnx\n"
    "ocrnn export latin --int8 -o fast.onnx && ocrnn read line.png -m fast.onnx"
)
@click.argument("model")
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE.onnx",
    type=click.Path(path_type=Path),
    help="File to write; one that is there is replaced.",
)
@click.option(
    "--int8",
    is_flag=True,
    help="In whole numbers of eight bits: a third of the size, twice the speed or more, and a line in some dozens may "
    "read differently. Judge it with ocrnn eval.",
)
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of lines like those to be read, labels not needed: --int8 fits its scales to up to "
    f"{_MOST_LINES} of them.  [default: 64 lines that it draws itself]",
)
def command(model: str, output: Path, int8: bool, data: Path | None) -> None:
    """Write MODEL, the name of a shipped model or a .safetensors file, as ONNX.

    What is written reads lines of any width, many at once, without torch, and carries its charset inside.
    """
    from ocrnn.model.file import header
    from ocrnn.model.runtime import find

    if output.suffix.lower() != ".onnx":
        raise UsageError(f"-o {output}: does not end in .onnx; give it that ending")
    if data is not None and not int8:
        raise UsageError(f"--data {data}: belongs to --int8; add that, or leave out the lines")
    path = find(model, ".safetensors")
    spec = header(path)  # a wrong file is refused before torch is waited for
    lines = _lines(data, spec.line_format) if data is not None else None
    try:
        from ocrnn.model.export import build_graph, save_graph
        from ocrnn.model.weights import load_weights
    except ImportError as missing:
        raise UsageError(f"export needs {missing.name}; pip install 'ocrnn[train]'") from None
    graph = build_graph(*load_weights(path))
    told = ""
    if int8:
        from ocrnn.model.quantise import count_changes, draw_lines, quantise

        if lines is None:
            lines = draw_lines(spec.line_format)
        real, graph = graph, quantise(graph, lines)
        told = f"; {count_changes(real, graph, lines)} of {len(lines)} lines read differently"
    save_graph(graph, output)
    click.echo(f"{output}: {output.stat().st_size / 1e6:.1f} MB{told}", err=True)


def _lines(folder: Path, line_format: LineFormat) -> list[Line]:
    """Prepared lines of a folder, drawn evenly from its pictures; what cannot be opened is named and left out."""
    from ocrnn.folders import find_pictures
    from ocrnn.image import load_lines

    pictures = list(find_pictures(folder))
    lines: list[Line] = []
    for number in range(min(len(pictures), _MOST_LINES)):
        picture = pictures[number * len(pictures) // min(len(pictures), _MOST_LINES)]
        try:
            lines.extend(line_format.prepare(grey) for grey in load_lines(picture))
        except ImageError as error:
            click.echo(f"ocrnn: {error!s}", err=True)
    if not lines:
        raise UsageError(f"--data {folder}: holds no picture that can be read; name a folder of line pictures")
    return lines
