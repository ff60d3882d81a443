"""Faults a user can mend. Each message is one line: the thing, the fault, the way out."""

from __future__ import annotations

import os
from typing import Any, TypeVar, get_args


class OcrnnError(Exception):
    """Base of every error that ocrnn raises for bad input; `str(error)` is one line for a person."""


class UsageError(OcrnnError):
    """Options or arguments that cannot be carried out as given."""


class ImageError(OcrnnError):
    """A picture that cannot be opened or made into a line."""


class LabelError(OcrnnError):
    """Labels that cannot be read, or that no line can be trained on."""


class NoLabelsError(LabelError):
    """A place for labels that holds none."""


class CharsetError(OcrnnError):
    """A charset that cannot be built, or text outside of one."""


class ModelError(OcrnnError):
    """A model file that is missing, damaged, foreign, or newer than this program."""


class TrainingError(OcrnnError):
    """A run that cannot go on, such as one whose loss is not a number any more."""


class BenchError(OcrnnError):
    """A program that was to be measured and could not be run."""


class OutputError(OcrnnError):
    """A result that cannot be written where it was asked for."""


Kind = TypeVar("Kind", bound=OcrnnError)


def unreadable(kind: type[Kind], path: str | os.PathLike[str], fault: OSError) -> Kind:
    """The error of this kind for a file that the system does not give."""
    return kind(f"{os.fspath(path)}: cannot be read ({fault.strerror}); check the path and its rights")


def one_of(choices: Any, **given: str) -> None:
    """Raise UsageError for an argument that is none of the choices of a Literal."""
    for name, value in given.items():
        if value not in get_args(choices):
            raise UsageError(f"{name} {value!r}: no such choice; take one of {', '.join(get_args(choices))}")


def at_least(least: int, **given: int) -> None:
    """Raise UsageError for an argument that is no whole number, or smaller than it may be."""
    for name, value in given.items():
        if not hasattr(value, "__index__"):
            raise UsageError(f"{name.replace('_', ' ')} {value!r}: no whole number; give {least} or more")
        if value < least:
            raise UsageError(f"{name.replace('_', ' ')} {value}: too small; give {least} or more")
