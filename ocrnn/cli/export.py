"""`ocrnn export`: weights become a graph to read with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ocrnn.errors import ImageError, UsageError
from ocrnn.storage import check_place

if TYPE_CHECKING:
    from ocrnn.image import Line, LineFormat
    from ocrnn.spec import ModelSpec

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
    help="In whole numbers of eight bits: a third of the size and twice the speed or more. Of lines that are hard to "
    "read some read differently: judge it with ocrnn eval.",
)
@click.option(
    "--fp16",
    is_flag=True,
    help="In numbers of 16 bits, for a GPU: half of the size, but for further networks that are there; a processor "
    "takes a little longer with them.",
)
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of lines like those to be read, labels not needed: --int8 fits its scales to up to "
    f"{_MOST_LINES} of them.  [default: 64 lines that it draws itself]",
)
def command(model: str, output: Path, int8: bool, fp16: bool, data: Path | None) -> None:
    """Write MODEL, the name of a shipped model or a .safetensors file, as ONNX.

    What is written reads lines of any width, many at once, without torch, and carries its charset inside; of a shipped
    model the further networks too, which it asks where it is in doubt.
    """
    from ocrnn.model.file import header
    from ocrnn.model.runtime import find, shipped

    if output.suffix.lower() != ".onnx":
        raise UsageError(f"-o {output}: does not end in .onnx; give it that ending")
    if data is not None and not int8:
        raise UsageError(f"--data {data}: belongs to --int8; add that, or leave out the lines")
    if int8 and fp16:
        raise UsageError("--int8 and --fp16: a model is in the one or in the other; leave one out")
    path = find(model, ".safetensors")
    read_from = [path, find(model)] if model in shipped() else [path]
    if output.exists() and any(output.samefile(its) for its in read_from if its.exists()):
        raise UsageError(f"-o {output}: is the model itself, and it would be lost; name another file")
    check_place(output)
    spec = header(path)  # a wrong file is refused before torch is waited for
    lines = _lines(data, spec.line_format) if data is not None else None
    try:
        from ocrnn.model.export import build_graph, describe, halved, save_graph
        from ocrnn.model.weights import load_weights
    except ImportError as missing:
        raise UsageError(f"export needs {missing.name}; pip install 'ocrnn[train]'") from None
    network, spec = load_weights(path)
    networks: list[bytes] = []
    if model in shipped():
        spec, networks = _in_company(spec, find(model))
    # What was measured was measured on another file.
    spec = replace(spec, about={what: told for what, told in spec.about.items() if what != "scores"})
    graph = build_graph(network, spec)
    told = ""
    if int8 or fp16:
        from ocrnn.model.quantise import count_changes, draw_lines, quantise

        if lines is None:
            lines = draw_lines(spec.line_format)
        real, graph = graph, quantise(graph, lines) if int8 else halved(graph)
        told = f"; {count_changes(real, graph, lines)} of {len(lines)} lines read differently"
    describe(graph, spec, further=networks)
    save_graph(graph, output)
    click.echo(f"{output}: {output.stat().st_size / 1e6:.1f} MB{told}", err=True)


def _in_company(spec: ModelSpec, path: Path) -> tuple[ModelSpec, list[bytes]]:
    """The spec of weights that read with the further networks of a model file: in doubt where that is; and those."""
    from ocrnn.model.file import further, header

    reading = header(path)
    spec = replace(
        spec,
        doubt=reading.doubt,
        word_doubt=reading.word_doubt,
        again_power=reading.again_power,
        word_power=reading.word_power,
    )
    return spec, [network.content() for network in further(path, spec)]


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
