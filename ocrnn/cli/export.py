"""`ocrnn export`: weights become a graph to read with."""

from __future__ import annotations

from pathlib import Path

import click

from ocrnn.errors import UsageError


@click.command(
    epilog="ocrnn export runs/receipts/best.safetensors -o receipts.onnx; then ocrnn read line.png -m receipts.onnx"
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
def command(model: str, output: Path) -> None:
    """Write MODEL, the name of a shipped model or a .safetensors file, as ONNX.

    What is written reads lines of any width, many at once, without torch, and carries its charset inside.
    """
    from ocrnn.model.file import header
    from ocrnn.model.runtime import find

    if output.suffix.lower() != ".onnx":
        raise UsageError(f"-o {output}: does not end in .onnx; give it that ending")
    path = find(model, ".safetensors")
    header(path)  # a wrong file is refused before torch is waited for
    try:
        from ocrnn.model.export import export_onnx
        from ocrnn.model.weights import load_weights
    except ImportError as missing:
        raise UsageError(f"export needs {missing.name}; pip install 'ocrnn[train]'") from None
    export_onnx(*load_weights(path), output)
    click.echo(f"{output}: {output.stat().st_size / 1e6:.1f} MB", err=True)
