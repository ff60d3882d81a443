"""`ocrnn charsets`: the sets of characters that come with the program."""

from __future__ import annotations

import click

_SAMPLE = 40


@click.command("charsets", epilog="\b\nocrnn charsets\nocrnn train --data lines --charset latin")
def command() -> None:
    """List the charsets that come with ocrnn: name, number of characters and a sample."""
    from ocrnn.charset import Charset, names

    for name in names():
        charset = Charset.open(name)
        # The visible ones say more; evenly spread, so that the sample shows the rare ones too.
        visible = [character for character in charset.characters if not character.isspace()]
        step = -(-len(visible) // _SAMPLE)
        click.echo(f"{name}\t{len(charset)} characters\t{''.join(visible[::step])}")
