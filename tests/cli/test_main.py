from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

import ocrnn
from ocrnn.cli.main import COMMANDS, program
from ocrnn.errors import CharsetError, ImageError, ModelError, OutputError, TrainingError, UsageError

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_help_lists_every_command(run: Run) -> None:
    for flag in ("--help", "-h"):
        result = run(flag)
        assert result.exit_code == 0
        for name, short in COMMANDS.items():
            assert f"  {name} " in result.stdout
            assert short in result.stdout


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command as it is called, those of groups too."""
    for name in COMMANDS:
        command = program.get_command(click.Context(program), name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", below) for inner, below in command.commands.items())


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_each_command_helps(run: Run, name: str) -> None:
    result = run(*name.split(), "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: ocrnn {name} ")
    assert f"  ocrnn {name}" in result.stdout, "an example"
    assert "\\b" not in result.stdout
    assert result.stdout == run(*name.split(), "-h").stdout


def examples() -> list[str]:
    """Calls of ocrnn in the examples of every help text."""
    epilogs = [program.epilog or "", *(command.epilog or "" for _, command in commands())]
    blocks = [block for text in epilogs for block in text.split("\n\n") if block.startswith("\b\n")]
    lines = [re.split(" {2,}", line)[0] for block in blocks for line in block.splitlines()[1:]]
    calls = [call.strip() for line in lines for call in re.split(r"\||&&", line)]
    return [call for call in calls if call.startswith("ocrnn ")]


@pytest.mark.parametrize("call", examples())
def test_each_example_is_a_call(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its options and arguments are known to the command, which is not run; its files need not be there."""
    monkeypatch.setattr(click.Path, "convert", lambda _, value, *__: value)
    command, words = program.get_command(click.Context(program), shlex.split(call)[1]), shlex.split(call)[2:]
    assert command is not None
    if isinstance(command, click.Group) and words:
        command, words = command.commands[words[0]], words[1:]
    command.make_context(call, words)


# What scripts are written against: more may come, but none of these options and choices may go.
PROMISED = """
read -m -o -f=text|tsv|csv|json|jsonl|hocr|alto|page --decoder=greedy|beam --beam-width --allow --block --lexicon
read --regex --lm --lm-weight --alternatives --min-conf --review --failures --overwrite --turn=none|auto --max-pixels
read -b -j --threads --device=auto|cpu|cuda|mps --shard --ray --ray-address -q -v
train --data --val --val-split --split-by=line|document --out --from --resume --charset --new-chars=add|drop|fail
train --arch=fast|accurate|paper --backbone=vgg|resnet --cell=lstm|gru|rnn --freeze --rehearse --synth
train --augment=none|light|strong --epochs --minutes --patience --lr -b --devices --precision=auto|fp32|bf16
train --seed --deterministic --log-to=tensorboard
check
eval --data -m --html
compare --data
explain -o
bench
export -o --int8 --fp16
info
models
charsets
synth -o
lm-build -o
data-pack -o
data-convert -o
data-split -o
data-stats
merge -o
"""


@pytest.mark.parametrize("line", PROMISED.split("\n")[1:-1])
def test_what_is_promised_is_there(line: str) -> None:
    name, *promised = line.split()
    command = dict(commands())[name.replace("-", " ")]
    there = {opt: parameter for parameter in command.params for opt in parameter.opts}
    for option, _, choices in (each.partition("=") for each in promised):
        kind = there[option].type
        assert not choices or (isinstance(kind, click.Choice) and set(choices.split("|")) <= set(kind.choices)), option


def options() -> list[tuple[str, click.Parameter]]:
    return [(name, parameter) for name, command in commands() for parameter in command.params]


@pytest.mark.parametrize(("name", "option"), options(), ids=lambda value: getattr(value, "name", value))
def test_each_option_explains_itself(name: str, option: click.Parameter) -> None:
    if isinstance(option, click.Option):
        assert option.help, f"{name} {option.name}"
        assert option.help.endswith((".", "]")), f"{name} {option.name}"


@pytest.mark.parametrize(
    ("words", "variable", "value", "name"),
    [
        ("read x.png", "OCRNN_READ_FORMAT", "json", "form"),  # whose names in Python are others
        ("read x.png", "OCRNN_READ_MAX_PIXELS", "9", "max_pixels"),
        ("read x.png", "OCRNN_MODEL", "m.onnx", "model"),
        ("train --data .", "OCRNN_TRAIN_FROM", "latin", "from_model"),
        ("data stats .", "OCRNN_DATA_STATS_JSON", "1", "as_json"),
    ],
)
def test_a_variable_stands_for_an_option(
    words: str, variable: str, value: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *rest = words.split()
    command = program.get_command(click.Context(program), first)
    if isinstance(command, click.Group):
        command, rest = command.commands[rest[0]], rest[1:]
    assert command is not None
    monkeypatch.setenv(variable, value)
    assert str(command.make_context(first, rest).params[name]) in (value, "True")


def test_version(run: Run) -> None:
    assert run("--version").stdout == f"ocrnn {ocrnn.__version__}\n"


@pytest.mark.parametrize(
    ("call", "told", "way_out"),
    [
        ("raed", "no such command 'raed'", "`ocrnn --help`"),
        ("--colour", "no such option '--colour'", "`ocrnn --help`"),
        ("read", "missing argument 'PATH...'", "`ocrnn read --help`"),
        ("read --form x.png", "'--form'; did you mean '--format'", "`ocrnn read --help`"),
        ("read x.png --beam-width none", "'--beam-width': 'none' is not a valid integer", "`ocrnn read --help`"),
        ("read x.png -f doc", "'-f' / '--format': 'doc' is not one of 'text', 'tsv'", "`ocrnn read --help`"),
        ("read x.png -b 0", "'-b' / '--batch-size': 0 is not in the range x>=1", "`ocrnn read --help`"),
        ("read x.png -m", "option '-m' requires an argument", "`ocrnn read --help`"),
        ("data split .", "missing option '-o' / '--output'", "`ocrnn data split --help`"),
        ("data cut", "no such command 'cut'", "`ocrnn data --help`"),
        ("read x.png --review y.tsv --min-conf nan", "'--min-conf': 'nan' is not a number", "`ocrnn read --help`"),
        ("train --data . --minutes nan", "'--minutes': 'nan' is not a number", "`ocrnn train --help`"),
        ("check nowhere", "'DIR...': path 'nowhere' does not exist", "`ocrnn check --help`"),
    ],
)
def test_a_stranger_is_refused_in_one_line(run: Run, call: str, told: str, way_out: str) -> None:
    result = run(*call.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("ocrnn: ")
    assert told.casefold() in result.stderr.casefold()
    assert result.stderr.endswith(f"ee {way_out}\n")
    assert result.stderr.count("\n") == 1


def test_a_variable_with_a_fault_is_named(run: Run) -> None:
    result = run("read", "x.png", env={"OCRNN_READ_THREADS": "all"})
    assert result.exit_code == 2
    assert "'--threads': 'all'" in result.stderr
    assert "(from OCRNN_READ_THREADS); see" in result.stderr


def test_a_group_alone_shows_its_help(run: Run) -> None:
    for words in ([], ["data"], ["lm"]):
        assert "Commands:" in run(*words).output


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
