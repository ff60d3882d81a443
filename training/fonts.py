"""Gather the faces that a shipped model was trained with: `python -m training.fonts -o fonts`.

fonts.tsv names each face by package, version and file, with the category it was sorted into by eye. This script
fetches the packages (Debian's with apt-get, npm's with npm), takes those files out, and keeps of each face the
characters that are in its cmap, draw ink, and do not look like the glyph for a missing one. The folder it writes is
what `--fonts` takes.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fontTools.ttLib import TTFont
from PIL import ImageFont

from ocrnn.charset import Charset
from ocrnn.synth.fonts import OTHER_SCRIPT, inspect
from ocrnn.synth.scripts import SCRIPTS
from training.packages import Source, fetch, files

TABLE = Path(__file__).with_suffix(".tsv")


@dataclass(frozen=True)
class Row:
    """One face of the table."""

    source: Source
    package: str
    version: str
    file: str
    category: str


def main() -> None:
    """Fetch, inspect and list the faces."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the fonts and fonts.jsonl")
    parser.add_argument("--downloads", type=Path, default=Path("downloads"), help="folder that keeps the packages")
    parser.add_argument("--charset", default="latin", help="characters to look for")
    parser.add_argument("--only", nargs="+", metavar="PACKAGE", help="these packages alone")
    given = parser.parse_args()

    characters = Charset.open(given.charset).characters
    packages: dict[tuple[Source, str, str], list[Row]] = defaultdict(list)
    for row in rows(TABLE):
        if given.only is None or row.package in given.only:
            packages[row.source, row.package, row.version].append(row)
    given.output.mkdir(parents=True, exist_ok=True)
    with open(given.output / "fonts.jsonl", "w", encoding="utf-8") as listing:
        for package, wanted in packages.items():
            archive = fetch(*package, given.downloads.absolute())
            for entry in entries(archive, wanted, given.output, characters):
                listing.write(json.dumps(entry, ensure_ascii=False) + "\n")


def rows(table: Path) -> Iterator[Row]:
    """Faces of the table, in its order."""
    with open(table, encoding="utf-8", newline="") as lines:
        for line in csv.DictReader(lines, delimiter="\t"):
            source: Source = "npm" if line.pop("source") == "npm" else "debian"
            yield Row(source, **line)


def entries(archive: Path, wanted: list[Row], folder: Path, characters: str) -> Iterator[dict[str, str | int]]:
    """Entries of fonts.jsonl for the wanted files of a package, which are copied to the folder."""
    missing = {row.file: row for row in wanted}
    for path, content in files(archive):
        row = missing.pop(path.name, None)
        if row is not None:
            place = folder / row.file
            place.write_bytes(content)
            yield entry(place, row, characters)
    for name in missing:
        print(f"{archive.name}: holds no {name}; left out", file=sys.stderr)


def entry(path: Path, row: Row, characters: str) -> dict[str, str | int]:
    """What ocrnn.synth.fonts reads of one face: its first, where a file holds several."""
    if row.category == OTHER_SCRIPT:
        characters += "".join(SCRIPTS)
    face = next(inspect(path, characters))
    with TTFont(path, fontNumber=0) as font:
        mapped = font.getBestCmap() or {}
    case = "both"
    if face.capitals:
        case = "caps" if _height(path, "x") > 0.97 * _height(path, "X") else "smallcaps"
    drawn = "".join(c for c in characters if c in face.characters and ord(c) in mapped)
    return {"file": path.name, "idx": 0, "cat": row.category, "case": case, "chars": drawn, "pkg": row.package}


def _height(path: Path, letter: str) -> float:
    _, top, _, bottom = ImageFont.truetype(path, 200).getbbox(letter)
    return bottom - top


if __name__ == "__main__":
    main()
