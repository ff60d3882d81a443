"""Writes docs/commands: a page for each command, from what `ocrnn COMMAND --help` is made of.

    python docs/make.py

A test holds the pages to the program, so run this after a change of a command's options or texts.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

from ocrnn.cli.main import COMMANDS, long_name, program

PAGES = Path(__file__).parent / "commands"
FRONT = "README.md"
_WIDTH = 120


def main() -> None:
    """Write every page, and remove those of commands that are gone."""
    PAGES.mkdir(exist_ok=True)
    written = pages()
    for name, text in written.items():
        (PAGES / name).write_text(text, encoding="utf-8", newline="\n")
    for old in set(PAGES.glob("*.md")) - {PAGES / name for name in written}:
        old.unlink()


def pages() -> dict[str, str]:
    """Text of every page, by its file name: a page for each command, and one in front of them."""
    made = {_file(words): "\n".join(_page(words, command)) for words, command in commands()}
    made[FRONT] = "\n".join(_front())
    return made


def commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that call it, those of groups such as `ocrnn data` behind their group."""
    for name in COMMANDS:
        command = program.get_command(click.Context(program), name)
        assert command is not None
        yield ("ocrnn", name), command
        if isinstance(command, click.Group):
            yield from ((("ocrnn", name, inner), below) for inner, below in sorted(command.commands.items()))


def _front() -> Iterator[str]:
    yield from (
        "# The commands of ocrnn",
        "",
        "Made by `python docs/make.py` from the program itself; not to be edited.",
    )
    yield ""
    for words, command in commands():
        short = COMMANDS.get(words[-1]) if len(words) == 2 else command.get_short_help_str(_WIDTH)
        indent = "  " * (len(words) - 2)
        yield textwrap.indent(_filled(f"- [`{' '.join(words)}`]({_file(words)}): {short}", "  "), indent)
    yield ""
    yield from _epilog(program)


def _page(words: tuple[str, ...], command: click.Command) -> Iterator[str]:
    called = " ".join(words)
    yield from (f"# {called}", "")
    yield from (f"    {called} {' '.join(_pieces(command))}", "")
    for paragraph in (command.help or "").split("\n\n"):
        yield from (_shown(paragraph), "")
    if isinstance(command, click.Group):
        yield from ("## Commands", "")
        for name, below in sorted(command.commands.items()):
            yield _filled(f"- [`{called} {name}`]({_file((*words, name))}): {below.get_short_help_str(_WIDTH)}", "  ")
        yield ""
    options = [param for param in command.params if isinstance(param, click.Option) and not param.hidden]
    yield from ("## Options", "", *map(_option, options), "- `-h`, `--help`: Show the text of this page.", "")
    if options:
        shown = next((option for option in options if not option.is_flag), options[0])
        yield from (
            _filled(f"In the environment, `{shown.envvar}` stands for `{long_name(shown)}`, and so on."),
            "",
        )
    yield from _epilog(command)
    yield f"[All commands]({FRONT})\n"


def _pieces(command: click.Command) -> Iterator[str]:
    """Parts of a call, as the first line of a man page has them: options one must give, and arguments."""
    for param in command.params:
        if isinstance(param, click.Option) and param.required:
            yield f"{param.opts[0]} {_value(param)}{'...' if param.multiple else ''}"
    yield "[OPTIONS]"
    for param in command.params:
        if isinstance(param, click.Argument):
            name = param.metavar or f"{(param.name or '').upper()}{'...' if param.nargs == -1 else ''}"
            yield name if param.required or name.startswith("[") else f"[{name}]"
    if isinstance(command, click.Group):
        yield "COMMAND [ARGS]..."


def _option(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    value = _value(option)
    told = (option.help or "").replace("  ", " ")
    if option.show_default and not option.is_flag:
        told += f" [default: {option.default}]"
    often = " May be repeated." if option.multiple and "repeated" not in told else ""
    return _filled(f"- {names}{f' `{value}`' if value else ''}: {told}{often}", "  ")


def _value(option: click.Option) -> str:
    """What stands behind an option, "" behind a flag."""
    if option.is_flag:
        return ""
    return "|".join(map(str, option.type.choices)) if isinstance(option.type, click.Choice) else option.metavar or "X"


def _epilog(command: click.Command) -> Iterator[str]:
    """Examples, exit statuses, and what else stands at the end of a help text."""
    for paragraph in (command.epilog or "").split("\n\n"):
        if paragraph.startswith(_AS_IT_IS):
            yield from ("## Examples", "")
        elif paragraph.startswith("Exit status: "):
            yield from ("## Exit status", "")
        yield from (_shown(paragraph.removeprefix("Exit status: ")), "")


_AS_IT_IS = "\b\n"
"""What click leaves the lines of a paragraph alone for, such as examples."""


def _shown(paragraph: str) -> str:
    """A paragraph of help; examples as what a shell takes, so that what stands behind one is a comment."""
    if not paragraph.startswith(_AS_IT_IS):
        return _filled(paragraph)
    lines = paragraph.removeprefix(_AS_IT_IS).splitlines()
    return "\n".join(("```sh", *(re.sub(r"(?<=\S)( {2,})(?=[^\s#])", r"\1# ", line, count=1) for line in lines), "```"))


def _filled(paragraph: str, indent: str = "") -> str:
    text = re.sub(r"\s+", " ", paragraph).strip()
    # Outside of code, Markdown takes <name> for a tag and shows nothing.
    text = "`".join(part if number % 2 else part.replace("<", "&lt;") for number, part in enumerate(text.split("`")))
    return textwrap.fill(text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _file(words: tuple[str, ...]) -> str:
    return f"{'-'.join(words[1:])}.md"


if __name__ == "__main__":
    main()
