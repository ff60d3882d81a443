"""`ocrnn models`: the models that come with the program."""

from __future__ import annotations

import click


@click.command("models", epilog="\b\nocrnn models\nocrnn info latin")
def command() -> None:
    """List the models that come with ocrnn: name, number of characters, network and date."""
    from ocrnn.model.runtime import header, shipped

    names = shipped()
    if not names:
        click.echo("ocrnn: no model came with this installation; give a file with -m", err=True)
    for name in names:
        spec = header(name)
        date = spec.about.get("date", "")
        click.echo(f"{name}\t{len(spec.charset)} characters\t{spec.architecture.preset}\t{date}".rstrip())
