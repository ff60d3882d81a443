from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocrnn.reading import Character, Reading, Word
from ocrnn.transcribe.output import Form, open_sheet
from ocrnn.transcribe.result import Result

SCHEMAS = Path(__file__).parent / "schemas"
Validate = Callable[[bytes], Any]


def spaced(text: str, *, step: float = 10.0, confidence: float = 0.95) -> Reading:
    """A reading whose characters are each `step` columns apart and two less wide."""
    characters = tuple(Character(c, n * step + 1, (n + 1) * step - 1, confidence) for n, c in enumerate(text))
    words = tuple(
        Word(word.group(), step * word.start() + 1, step * word.end() - 1, confidence ** len(word.group()))
        for word in re.finditer(r"\S+", text)
    )
    return Reading(text, confidence ** len(text), characters, max(1, round(step * len(text))), 40, words=words)


def written(form: Form, sources: dict[str, list[Reading]]) -> bytes:
    """A document of sources, each with a reading for each of its pages."""
    stream = io.BytesIO()
    sheet = open_sheet(stream.write, form)
    for number, (path, readings) in enumerate(sources.items()):
        sheet.add(path, [Result(number, path, n, len(readings), reading) for n, reading in enumerate(readings, 1)])
    sheet.close()
    return stream.getvalue()


@pytest.fixture(scope="session")
def validated() -> Callable[[str], Validate]:
    """Gives, for the name of an official schema, what parses a document that it accepts and fails for others."""
    etree = pytest.importorskip("lxml.etree")

    class Local(etree.Resolver):  # type: ignore[misc, name-defined]
        def resolve(self, url: str, public_id: str, context: Any) -> Any:
            return self.resolve_filename(str(SCHEMAS / Path(url).name), context)

    def by(name: str) -> Validate:
        parser = etree.XMLParser(no_network=True)
        parser.resolvers.add(Local())
        schema = etree.XMLSchema(etree.parse(str(SCHEMAS / name), parser))

        def validate(data: bytes) -> Any:
            root = etree.fromstring(data)
            schema.assertValid(root)
            return root

        return validate

    return by
