"""Tables of labels in JSON: an object on each line, or one of names and texts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ocrnn.data.cells import IMAGE_COLUMNS, TEXT_COLUMNS, column_of, empty_table, located
from ocrnn.data.found import Found
from ocrnn.data.samples import Problem, Sample, picture_key, shortened
from ocrnn.data.textfile import lines_in
from ocrnn.folders import is_picture


def object_lines(table: Path, found: Found) -> Iterator[Sample | Problem]:
    """Entries of a `.jsonl`, an object on each line, as Hugging Face's ImageFolder has them in `metadata.jsonl`."""
    empty = True
    for line in lines_in(table, found.tolerated):
        empty = False
        yield line if isinstance(line, Problem) else _entry_of_line(table, *line, found)
    if empty:
        yield empty_table(table)


def _entry_of_line(table: Path, number: int, content: str, found: Found) -> Sample | Problem:
    where, remedy = f"{table}:{number}", 'write {"file_name": "line.png", "text": "its text"}'
    try:
        entry = json.loads(content)
    except json.JSONDecodeError as fault:
        return Problem(where, f"not JSON at column {fault.colno} ({fault.msg})", remedy)
    except (ValueError, RecursionError):  # a number of thousands of digits, brackets thousands deep
        return Problem(where, "not JSON of a label", remedy)
    if not isinstance(entry, dict):
        return Problem(where, f"{_kind(entry)} where an object is expected", remedy)
    names = [key.strip().lower() for key in entry]
    values = list(entry.values())
    image, text = column_of(names, IMAGE_COLUMNS), column_of(names, TEXT_COLUMNS)
    if image is None:
        return Problem(where, "no picture is named", "write the picture's path as file_name")
    sample = _entry(table, number, table.parent, values[image], "" if text is None else values[text], found)
    if isinstance(sample, Problem):
        return sample
    if text is None:
        found.named.add(picture_key(sample.image))
        return Problem(where, f"no text is written for {sample.image.name}", "write it as text")
    document = values[names.index("document")] if "document" in names else ""
    return replace(sample, document=document.strip() if isinstance(document, str) else "")


def object_table(table: Path, found: Found) -> Iterator[Sample | Problem]:
    """Entries of a `.json`, one object of names and texts as docTR has them: the names count from images beside it."""
    content: list[str] = []
    faults = 0
    for line in lines_in(table, found.tolerated):
        if isinstance(line, Problem):
            yield line
            faults += 1
        else:
            content += [""] * (line[0] - len(content) - 1) + [line[1]]  # every line under its number
    number = 0
    try:
        for number, name, text in _pairs("\n".join(content)) if content else ():
            yield _entry(table, number, table.parent / "images", name, text, found)
    except json.JSONDecodeError as fault:
        yield Problem(
            f"{table}:{fault.lineno}",
            f"not JSON at column {fault.colno} ({fault.msg})",
            'mend it, as nothing behind it is read; the whole is {"line.png": "its text", ...}',
        )
    except (ValueError, RecursionError):
        yield Problem(str(table), "not JSON of labels", 'write {"line.png": "its text", ...}')
    else:
        if not number and not faults:
            yield empty_table(table)


def _pairs(content: str) -> Iterator[tuple[int, str, object]]:
    """Line number, name and value of each pair of an object, in turn; raises JSONDecodeError where it is none.

    Unlike `json.loads`, this knows the lines and loses no value of a name that is there twice.
    """
    decode = json.JSONDecoder().raw_decode
    place = _after(content, 0, "{", "an object of names and texts")
    number, counted = 1, 0
    first = _blank(content, place)
    more = content[first : first + 1] != "}"
    place = place if more else first + 1
    while more:
        place = _blank(content, place)
        number, counted = number + content.count("\n", counted, place), place
        if content[place : place + 1] != '"':
            raise json.JSONDecodeError("Expecting the name of a picture in double quotes", content, place)
        name, place = decode(content, place)
        place = _after(content, place, ":", "':'")
        value, place = decode(content, _blank(content, place))
        yield number, name, value
        place = _after(content, place, ",}", "',' or '}'")
        more = content[place - 1] == ","
    place = _blank(content, place)
    if place < len(content):
        raise json.JSONDecodeError("Extra data", content, place)


def _blank(content: str, place: int) -> int:
    """The first place from this one on that is not blank."""
    while content[place : place + 1] in {" ", "\t", "\n", "\r"}:
        place += 1
    return place


def _after(content: str, place: int, signs: str, expected: str) -> int:
    """The place behind one of these signs, which is the next that is not blank."""
    place = _blank(content, place)
    if place == len(content) or content[place] not in signs:
        raise json.JSONDecodeError(f"Expecting {expected}", content, place)
    return place + 1


def _entry(table: Path, number: int, folder: Path, name: object, text: object, found: Found) -> Sample | Problem:
    where = f"{table}:{number}"
    picture = located(folder, name.strip(), found.root) if isinstance(name, str) else None
    if picture is None or not (is_picture(picture) or os.path.isfile(picture)):
        return Problem(where, f"{shortened(str(name))} is not the name of a picture", "write its path")
    if not isinstance(text, str):
        found.named.add(picture_key(picture))
        return Problem(
            where, f"the label of {picture.name} is {_kind(text)} and no text", "write the text between quotes"
        )
    return Sample(picture, text, label_file=table, line_number=number)


def _kind(value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return "a number"
    return "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"
