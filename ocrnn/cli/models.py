"""`ocrnn models`: the models that come with the program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ocrnn.data.counting import counted

if TYPE_CHECKING:
    from ocrnn.spec import ModelSpec


@click.command("models", epilog="\b\nocrnn models\nocrnn info latin")
def command() -> None:
    """List the models that come with ocrnn: name, number of characters, network, date, size, and second looks.

    A line or word whose probability is below the number is looked at again, with further networks, which takes many
    times as long. `ocrnn info` says all of one model.
    """
    from ocrnn.model.runtime import further, header, shipped, size

    names = shipped()
    if not names:
        click.echo("ocrnn: no model came with this installation; give a file with -m", err=True)
    for name in names:
        spec = header(name)
        columns = (
            name,
            counted(len(spec.charset), "character"),
            spec.architecture.preset,
            spec.about.get("date", ""),
            f"{size(name) / 1e6:.1f} MB",
            _second_looks(spec, len(further(name))),
        )
        click.echo("\t".join(map(str, columns)))


def _second_looks(spec: ModelSpec, networks: int) -> str:
    """What a model looks at again, and with what."""
    doubts = {"lines": spec.doubt, "words": spec.word_doubt}
    doubted = " and ".join(f"{parts} below {doubt:g}" for parts, doubt in doubts.items() if doubt)
    if not doubted:
        return "no second looks"
    brought = [counted(networks, "further network")] if networks else []
    if spec.language:
        brought.append("a language model")
    return f"looks again at {doubted}{(brought and ' with ') or ''}{' and '.join(brought)}"
