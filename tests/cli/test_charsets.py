from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_each_charset_is_a_line_with_its_size_and_a_sample(run: Run, root: Path) -> None:
    rows = [line.split("\t") for line in run("charsets").stdout.splitlines()]
    files = {path.stem: path for path in (root / "charsets").glob("*.txt")}
    assert [name for name, _, _ in rows] == sorted(files)
    for name, size, sample in rows:
        characters = [line for line in files[name].read_text(encoding="utf-8").split("\n") if line]
        assert size == f"{len(characters)} characters"
        assert 0 < len(sample) <= 40
        assert set(sample) <= set(characters)
    assert dict((name, sample) for name, _, sample in rows)["digits"] == "0123456789"
