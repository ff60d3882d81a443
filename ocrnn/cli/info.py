"""`ocrnn info`: what a model file says about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ocrnn.spec import ModelSpec


@click.command("info", epilog="\b\nocrnn info\nocrnn info runs/best.onnx")
@click.argument("model", required=False, envvar="OCRNN_MODEL", metavar="[MODEL]")
def command(model: str | None) -> None:
    """Say what a model is: its characters, network, data, licence, scores and date.

    MODEL is the name of a shipped model or a model file; the default model where none is given.
    """
    from ocrnn.model.runtime import executor, further, header

    spec = header(model)
    lines, network = spec.line_format, spec.architecture
    rows = {
        "charset": f"{len(spec.charset)} characters: {spec.charset.characters}",
        "lines": f"{lines.height} px high, width in steps of {lines.width_step} px, margin {lines.margin} px",
        "network": f"{network.preset}: {network.backbone}, {network.layers} x {network.hidden} {network.cell} units",
        "read by": executor(model),
        "temperature": f"{spec.temperature:g}",
        "doubt": f"lines below {spec.doubt:g} and words below {spec.word_doubt:g} are looked at again",
        "further": _further(further(model)),
        "language": f"of its own, {_own(spec)}" if spec.language else "none of its own",
        **{heading: _plain(value) for heading, value in spec.about.items()},
    }
    width = max(map(len, rows))
    for heading, text in rows.items():
        click.echo(f"{heading:<{width}}  {text}")


def _further(specs: list[ModelSpec]) -> str:
    """The networks that a model brings beside its own."""
    if not specs:
        return "no networks for the second look"
    return f"{len(specs)} for the second look: {', '.join(spec.architecture.preset for spec in specs)}"


def _own(spec: ModelSpec) -> str:
    """The language that a model brings."""
    return f"{len(spec.language) * 3 / 4e6:.1f} MB, counts {spec.language_weight:g} in the second look"


def _plain(value: object) -> str:
    """A value of the model's own description in one line: lists with commas, tables as `name value`."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_plain, value))
    return " ".join(f"{value:g}".split() if isinstance(value, float) else str(value).split())
