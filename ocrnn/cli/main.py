"""The program: its commands, imported when one is called, and the one place where errors become exit statuses."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import FrameType
from typing import IO, Any, NoReturn

import click

from ocrnn import __version__
from ocrnn.errors import ModelError, OcrnnError, TrainingError
from ocrnn.storage import drop_drafts

FAILED, MISUSED, MODEL_UNUSABLE, NOTHING_TO_READ, INTERRUPTED = 1, 2, 3, 4, 130
"""Exit statuses beside 0: some lines failed, wrong use or unwritable output, bad model, no picture, Ctrl-C."""

_TERMINATED = 128 + signal.SIGTERM
"""Status that shells show for what SIGTERM ended."""

_STATUSES: dict[type[OcrnnError], int] = {ModelError: MODEL_UNUSABLE, TrainingError: FAILED}

COMMANDS = {
    "read": "Read lines of text in pictures.",
    "merge": "Put together what several processes read.",
    "bench": "Measure how fast this machine reads.",
    "train": "Teach a model new lines.",
    "check": "Name what would spoil training, line by line.",
    "eval": "Measure a model on labelled lines.",
    "compare": "Compare two models on the same labelled lines.",
    "explain": "Show on a page why a line was read as it was.",
    "export": "Write a trained model as ONNX.",
    "info": "Say what a model is: characters, data, licence, scores.",
    "models": "List the models that come with ocrnn.",
    "charsets": "List the charsets that come with ocrnn.",
    "synth": "Make lines of text from fonts and texts.",
    "data": "Pack, convert, split and count labelled lines.",
    "lm": "Make language models of characters from text.",
}
"""Each command and its short help. The module `ocrnn.cli.<name>` holds it as `command`; `--help` imports none."""


class Program(click.Group):
    """A group whose commands are imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, the most used first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None for a name that is none."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"ocrnn.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        _name_variables(command, f"OCRNN_{cmd_name}")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table above, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse what stands before the command."""
        with _misuse_in_one_line(str(info_name)):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command; a user's fault ends it with one line on stderr, a fault of ours keeps its traceback."""
        try:
            with _misuse_in_one_line(ctx.command_path, ctx):
                return super().invoke(ctx)
        except OcrnnError as error:
            click.echo(f"ocrnn: {error}", err=True)
            ctx.exit(next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), MISUSED))
        except KeyboardInterrupt:
            click.echo("ocrnn: interrupted", err=True)
            ctx.exit(INTERRUPTED)


class _Misuse(click.ClickException):
    """Options or arguments that click cannot make anything of, said in one line as every other fault is."""

    exit_code = MISUSED

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the line."""
        click.echo(f"ocrnn: {self.format_message()}", err=True)


# Groups that are called alone show their help; click before 8.2 has no name for that.
_SHOWN_HELP: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())


@contextmanager
def _misuse_in_one_line(path: str, ctx: click.Context | None = None) -> Iterator[None]:
    """Turn what click's parser raises, which would print several lines, into one that ends with the way out.

    `path` is what was called, as far as it is known, and `ctx` may know the command that was called below it.
    """
    try:
        yield
    except _SHOWN_HELP:
        raise
    except click.UsageError as error:
        if error.ctx is not None:
            path = error.ctx.command_path
        elif ctx is not None and ctx.invoked_subcommand is not None:
            path = f"{path} {ctx.invoked_subcommand}"
        guesses = getattr(error, "possibilities", None) or ()
        told = " ".join((error.message if guesses else error.format_message()).split()).rstrip(".")
        told = told[:1].lower() + told[1:] + _variable(error)
        meant = f"did you mean {' or '.join(map(repr, sorted(guesses)))}? See" if guesses else "see"
        raise _Misuse(f"{told}; {meant} `{path} --help`") from None


def _variable(error: click.UsageError) -> str:
    """Where a value comes from that nobody typed."""
    if not isinstance(error, click.BadParameter) or error.ctx is None or error.param is None:
        return ""
    source = error.ctx.get_parameter_source(str(error.param.name))
    return f" (from {error.param.envvar})" if source is click.core.ParameterSource.ENVIRONMENT else ""


def long_name(option: click.Option) -> str:
    """An option's name in full, `--batch-size` for -b."""
    return max(option.opts, key=len)


def _name_variables(command: click.Command, prefix: str) -> None:
    """Name the variable of each option as the option is: click itself goes by its Python name, which `--from` has none.

    An option that names a variable keeps it.
    """
    for option in command.params:
        if isinstance(option, click.Option) and option.envvar is None:
            option.envvar = f"{prefix}_{long_name(option).removeprefix('--')}".upper().replace("-", "_")
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            _name_variables(inner, f"{prefix}_{name}")


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nocrnn read line.png          the text of one picture\n"
    "ocrnn read scans -o texts    a folder, a text file each\n\n"
    "Every option can stand in the environment: OCRNN_READ_THREADS=2 is `ocrnn read --threads 2`, "
    "and OCRNN_MODEL is -m for every command.\n\n"
    'The shell completes commands and options after `eval "$(_OCRNN_COMPLETE=bash_source ocrnn)"`, best in ~/.bashrc; '
    "zsh_source is for zsh, and fish takes `_OCRNN_COMPLETE=fish_source ocrnn | source`.",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def program() -> None:
    """Read lines of text in pictures, and learn new ones."""


def main() -> None:
    """Entry point of `ocrnn` and of `python -m ocrnn`; ends the process with its exit status.

    Standard output is UTF-8 wherever it goes, as files are: a pipe on Windows would take a code page that lacks ſ.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell may have it ignored
        signal.signal(signal.SIGINT, _interrupt)
    if os.name != "nt" and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)
    try:
        program(prog_name="ocrnn")
    except SystemExit as end:
        _end(end)
    except OSError as fault:
        if fault.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        click.echo(
            f"ocrnn: the output cannot be written ({fault.strerror}); make room, or choose another place", err=True
        )
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in its buffer goes nowhere
        _end(SystemExit(MISUSED))


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """End what is being done, once: a second Ctrl-C would break off the tidying up after the first."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    """End what is being done as Ctrl-C does: it is how Slurm, Kubernetes and systems that shut down ask for it."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(_TERMINATED)


def _end(end: SystemExit) -> NoReturn:
    """End the process and leave nothing half done behind.

    Python stops threads that are left by unwinding them, and one that is inside of ONNX Runtime then takes the process
    down with an abort: where a line is still being read, the process ends without that.
    """
    drop_drafts()
    if end.code == _TERMINATED:  # whoever sent the signal is to see that it was what ended the process
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    if threading.active_count() > 1:
        from ocrnn.transcribe.pipeline import is_anyone_left

        if is_anyone_left():
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):
                    stream.flush()
            os._exit(end.code if isinstance(end.code, int) else bool(end.code))
    raise end
