"""What is put beside one another: for each reader the commands that read one picture, or a folder of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from ocrnn import __version__

Commands = list[list[str]]
"""Command lines that run side by side."""


class Engine(Protocol):
    """A reader of lines, by the command lines it is used with."""

    @property
    def name(self) -> str:
        """What it is called, with its version."""

    def one(self, picture: Path) -> list[str]:
        """The command that reads one picture."""

    def folder(self, pictures: Sequence[Path], cores: int, place: Path) -> list[tuple[Commands, dict[str, str]]]:
        """Ways to read pictures of one folder on so many cores, each with its environment; texts go below `place`.

        Where there are several ways, the fastest counts.
        """


@dataclass(frozen=True)
class Ocrnn:
    """ocrnn as it starts without options, of this Python."""

    model: str | None = None
    device: str = "auto"

    @property
    def name(self) -> str:
        """With its version."""
        return f"ocrnn {__version__}"

    def one(self, picture: Path) -> list[str]:
        """`ocrnn read PICTURE`."""
        return [sys.executable, "-m", "ocrnn", "read", str(picture), *self._options]

    def folder(self, pictures: Sequence[Path], cores: int, place: Path) -> list[tuple[Commands, dict[str, str]]]:
        """`ocrnn read DIR -o FILE`, which finds the cores itself; told of fewer, it uses those."""
        output = ["-o", str(place / "ocrnn.tsv"), "--overwrite", "-f", "tsv", "-q", "-j", str(cores)]
        return [([[sys.executable, "-m", "ocrnn", "read", str(pictures[0].parent), *output, *self._options]], {})]

    @property
    def _options(self) -> list[str]:
        chosen = [] if self.device == "auto" else ["--device", self.device]
        return chosen if self.model is None else [*chosen, "-m", self.model]


@dataclass(frozen=True)
class Tesseract:
    """The `tesseract` program, its language model for English, pictures as they are."""

    program: str

    @classmethod
    def found(cls) -> Tesseract | None:
        """The one on the path."""
        program = shutil.which("tesseract")
        return None if program is None else cls(program)

    @property
    def name(self) -> str:
        """With the version it says."""
        told = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=False)
        return f"Tesseract {(told.stdout or told.stderr).split()[1]}"

    def one(self, picture: Path) -> list[str]:
        """`tesseract PICTURE - --psm 7`."""
        return [self.program, str(picture), "-", "--psm", "7"]

    def folder(self, pictures: Sequence[Path], cores: int, place: Path) -> list[tuple[Commands, dict[str, str]]]:
        """One process with a thread for each core, or a process of one thread for each with its share of the list."""

        def command(number: int, share: Sequence[Path]) -> list[str]:
            listed = place / f"tesseract-{number}.txt"
            listed.write_text("".join(f"{picture}\n" for picture in share), encoding="utf-8")
            return [self.program, str(listed), f"{listed}.out", "--psm", "7"]

        together = [command(0, pictures)], {"OMP_THREAD_LIMIT": str(cores)}
        apart = [command(1 + core, pictures[core::cores]) for core in range(min(cores, len(pictures)))]
        return [together, (apart, {"OMP_THREAD_LIMIT": "1"})]


@dataclass(frozen=True)
class RapidOcr:
    """RapidOCR's recognition alone, a picture a call as it is used, in the environment of some Python."""

    python: str = sys.executable

    @classmethod
    def found(cls) -> RapidOcr | None:
        """The one that this Python can import."""
        return cls() if find_spec("rapidocr") is not None else None

    @property
    def name(self) -> str:
        """With its version."""
        told = "from importlib.metadata import version; print(version('rapidocr'))"
        number = subprocess.run([self.python, "-c", told], capture_output=True, text=True, check=False).stdout.strip()
        return f"RapidOCR {number}".strip()

    def one(self, picture: Path) -> list[str]:
        """A process that opens it and reads."""
        return [self.python, "-c", _RAPIDOCR, "1", str(picture)]

    def folder(self, pictures: Sequence[Path], cores: int, place: Path) -> list[tuple[Commands, dict[str, str]]]:
        """One process with a thread for each core, or a process of one thread for each with its share of the list."""

        def command(number: int, share: Sequence[Path], threads: int) -> list[str]:
            listed = place / f"rapidocr-{number}.list"
            listed.write_text("".join(f"{picture}\n" for picture in share), encoding="utf-8")
            return [self.python, "-c", _RAPIDOCR, str(threads), f"@{listed}"]

        apart = [command(1 + core, pictures[core::cores], 1) for core in range(min(cores, len(pictures)))]
        return [([command(0, pictures, cores)], {}), (apart, {"OMP_NUM_THREADS": "1"})]


_RAPIDOCR = """
import pathlib, sys
import numpy
from PIL import Image
from rapidocr import RapidOCR
threads, given = int(sys.argv[1]), sys.argv[2]
paths = pathlib.Path(given[1:]).read_text(encoding="utf-8").splitlines() if given.startswith("@") else [given]
engine = RapidOCR(params={
    "EngineConfig.onnxruntime.intra_op_num_threads": threads,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Global.log_level": "critical",
    "Global.text_score": 0.0,
})
for path in paths:
    picture = Image.open(path)
    if "transparency" in picture.info or picture.mode in ("LA", "RGBA", "PA"):
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    picture = numpy.asarray(picture.convert("RGB"))[:, :, ::-1].copy()
    found = engine(picture, use_det=False, use_cls=False, use_rec=True)
    print(path, *(found.txts or ()) if found is not None else (), sep="\\t")
"""


def installed(model: str | None = None, device: str = "auto") -> list[Engine]:
    """Of ocrnn and the others those that are there, ocrnn first."""
    others = (Tesseract.found(), RapidOcr.found())
    return [Ocrnn(model, device), *(other for other in others if other is not None)]
