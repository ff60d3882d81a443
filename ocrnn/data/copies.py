"""Lines are written down anew, in a form of labels or as tar shards; pictures that are files stay as they are."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

import cv2

from ocrnn.data.samples import Problem, Sample
from ocrnn.data.tar import new_tar
from ocrnn.errors import ImageError, UsageError
from ocrnn.folders import is_picture
from ocrnn.storage import check_empty, make_folder, refusals, whole_file

Form = Literal["gt", "tsv", "jsonl", "paddleocr", "tar"]
"""`gt`: STEM.gt.txt beside each picture; `tsv`: labels.tsv; `jsonl`: metadata.jsonl, which Hugging Face's ImageFolder
reads too; `paddleocr`: rec_gt.txt; `tar`: shards as WebDataset has them."""

LINES = 10_000
"""Lines of one shard: some 100 MB of usual pictures."""

_STARTS = {
    b"\x89PNG": ".png",
    b"\xff\xd8": ".jpg",
    b"RIFF": ".webp",
    b"BM": ".bmp",
    b"GIF8": ".gif",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"P4": ".pbm",
    b"P5": ".pgm",
    b"P6": ".ppm",
}
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
"""Characters that a name may not have on some system, or that a table could not hold."""


def copy_lines(
    samples: Iterable[Sample], folder: Path, form: Form, *, lines: int = LINES
) -> Iterator[Sample | Problem]:
    """Write lines into an empty or new folder; yields each that is written, and a problem for each that is not.

    A picture that is a file, or the member of a shard, is copied as it is; a line of a page is cut out, and saved as
    PNG. Names below the folder are those of the samples, made fit for any system. Shards hold `lines` lines each.
    Raises OutputError where the folder is not empty or cannot be written, UsageError for a form that is none.
    """
    if form not in get_args(Form):
        raise UsageError(f"form {form!r}: no such form; take one of {', '.join(get_args(Form))}")
    if lines < 1:
        raise UsageError(f"{lines} lines in a shard: too few; give 1 or more")
    check_empty(folder)
    make_folder(folder)
    yield from _shards(samples, folder, lines) if form == "tar" else _files(samples, folder, form)


def _shards(samples: Iterable[Sample], folder: Path, lines: int) -> Iterator[Sample | Problem]:
    rest = iter(samples)
    number = 0
    for shard, first in enumerate(rest):
        with new_tar(folder / f"lines-{shard:06}.tar") as add:
            for sample in islice(chain([first], rest), lines):
                try:
                    data = _picture(sample)
                except ImageError as error:
                    yield _unwritten(sample, error)
                    continue
                told = {"text": sample.text, "name": sample.name or sample.image.name, "document": sample.document}
                add(f"{number:09}{_ending(sample, data)}", data)
                add(f"{number:09}.json", json.dumps(told, ensure_ascii=False).encode(errors="backslashreplace"))
                number += 1
                yield sample


def _files(samples: Iterable[Sample], folder: Path, form: Form) -> Iterator[Sample | Problem]:
    with ExitStack() as stack:
        table = _TABLES.get(form)
        write = stack.enter_context(whole_file(folder / table[0])) if table else None
        if table and write and table[1]:
            write(table[1].encode())
        for sample in samples:
            try:
                data = _picture(sample)
            except ImageError as error:
                yield _unwritten(sample, error)
                continue
            name = _free(folder, _fit(sample.name or sample.image.name), _ending(sample, data))
            with refusals(folder / name):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if table and write:
                write(table[2](name, sample).encode())
            else:
                _write(folder / _label_of(name), f"{sample.text}\n".encode())
            _write(folder / name, data)
            yield sample


def _row(name: str, sample: Sample) -> str:
    return f"{name}\t{sample.text}\t{_FORBIDDEN.sub(' ', sample.document)}\n"


def _object(name: str, sample: Sample) -> str:
    told = {"file_name": name, "text": sample.text, "document": sample.document}
    return json.dumps(told, ensure_ascii=False) + "\n"


def _pair(name: str, sample: Sample) -> str:
    return f"{name}\t{sample.text}\n"


_TABLES: dict[Form, tuple[str, str, Callable[[str, Sample], str]]] = {
    "tsv": ("labels.tsv", "image\ttext\tdocument\n", _row),
    "jsonl": ("metadata.jsonl", "", _object),
    "paddleocr": ("rec_gt.txt", "", _pair),
}
"""Of each form that is a table: what it is called, how it begins, and what a line of it is."""


def _picture(sample: Sample) -> bytes:
    """Bytes of a picture: as they are, or as PNG where it is cut out; raises ImageError."""
    data = sample.read()
    return bytes(cv2.imencode(".png", sample.load())[1]) if data is None else data


def _ending(sample: Sample, data: bytes) -> str:
    """Ending of a picture's name by its first bytes, which say what it is; by its own name where they do not."""
    own = PurePosixPath(sample.name or sample.image.name).suffix.lower()
    found = next((ending for start, ending in _STARTS.items() if data.startswith(start)), "")
    same = {".jpeg": ".jpg", ".tiff": ".tif", ".pnm": ".ppm"}
    return own if is_picture(f"_{own}") and (not found or same.get(own, own) == found) else found or ".png"


def _fit(name: str) -> PurePosixPath:
    """A name made fit for any system, below a folder: without its picture's ending, and never leading out."""
    bare = name[: -len(PurePosixPath(name).suffix)] if is_picture(name) else name
    bare = bare.encode(errors="replace").decode()
    parts = [_FORBIDDEN.sub("_", part).strip(" ") for part in bare.split("/")]
    # A dot in front would hide it, and two lead out.
    fit = [part.lstrip(".") or "_" for part in parts if part not in ("", ".", "..")]
    return PurePosixPath(*(fit or ["_"]))


def _free(folder: Path, stem: PurePosixPath, ending: str) -> str:
    """Name of a picture that no other has, nor its label."""
    for again in range(1, 1 << 30):
        name = f"{stem}{f'_{again}' if again > 1 else ''}{ending}"
        if not os.path.lexists(folder / name) and not os.path.lexists(folder / _label_of(name)):
            return name
    raise AssertionError("some number is free")


def _label_of(name: str) -> str:
    return f"{name.rpartition('.')[0]}.gt.txt"


def _write(path: Path, data: bytes) -> None:
    with whole_file(path) as write:
        write(data)


def _unwritten(sample: Sample, error: ImageError) -> Problem:
    what, _, remedy = str(error).rpartition("; ")
    return Problem(sample.where, what, remedy, "picture that cannot be opened")
