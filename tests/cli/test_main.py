from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

import ocrnn
from ocrnn.cli.main import COMMANDS, program
from ocrnn.errors import CharsetError, ImageError, ModelError, OutputError, TrainingError, UsageError

if TYPE_CHECKING:
    from tests.cli.conftest import Run

WRITTEN = [name for name in COMMANDS if importlib.util.find_spec(f"ocrnn.cli.{name}")]


def test_help_lists_every_command(run: Run) -> None:
    for flag in ("--help", "-h"):
        result = run(flag)
        assert result.exit_code == 0
        for name, short in COMMANDS.items():
            assert f"  {name} " in result.stdout
            assert short in result.stdout


@pytest.mark.parametrize("name", WRITTEN)
def test_each_command_helps(run: Run, name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: ocrnn {name} ")
    assert f"  ocrnn {name}" in result.stdout, "an example"
    assert "\\b" not in result.stdout
    assert result.stdout == run(name, "-h").stdout


def options() -> list[tuple[str, click.Parameter]]:
    found = []
    for name in WRITTEN:
        command = program.get_command(click.Context(program), name)
        assert command is not None
        found += [(name, parameter) for parameter in command.params]
    return found


@pytest.mark.parametrize(("name", "option"), options(), ids=lambda value: getattr(value, "name", value))
def test_each_option_explains_itself(name: str, option: click.Parameter) -> None:
    if isinstance(option, click.Option):
        assert option.help, f"{name} {option.name}"
        assert option.help.endswith((".", "]")), f"{name} {option.name}"


def test_version(run: Run) -> None:
    assert run("--version").stdout == f"ocrnn {ocrnn.__version__}\n"


def test_a_stranger_is_refused(run: Run) -> None:
    for arguments in (["raed"], ["read"], ["read", "--colour"], ["read", "x.png", "--beam-width", "none"]):
        result = run(*arguments)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert "Error: " in result.stderr


@pytest.mark.parametrize(
    ("error", "status"),
    [(ModelError, 3), (UsageError, 2), (OutputError, 2), (CharsetError, 2), (ImageError, 2), (TrainingError, 1)],
)
def test_a_users_fault_is_one_line_and_a_status(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: type[Exception], status: int
) -> None:
    monkeypatch.setattr("ocrnn.cli.charsets.command.callback", lambda: (_ for _ in ()).throw(error("it: is; do")))
    result = run("charsets")
    assert (result.exit_code, result.stdout, result.stderr) == (status, "", "ocrnn: it: is; do\n")


def test_a_fault_of_ours_keeps_its_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocrnn.cli.charsets.command.callback", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("charsets")


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ocrnn.cli.charsets.command.callback", interrupted)
    result = CliRunner().invoke(program, ["charsets"])
    assert (result.exit_code, result.stderr) == (130, "ocrnn: interrupted\n")


def test_shell_completion_knows_the_commands(run: Run) -> None:
    for words, expected in (("ocrnn re", ["read"]), ("ocrnn read --over", ["--overwrite"])):
        env = {"_OCRNN_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
        lines = run(env={**os.environ, **env}).stdout.splitlines()
        assert [line.split(",")[1] for line in lines] == expected
