from __future__ import annotations

from pathlib import Path

import pytest

from ocrnn.cli.outlet import Outlet
from ocrnn.errors import ImageError, UsageError
from ocrnn.reading import Reading
from ocrnn.transcribe.batch import Picture
from ocrnn.transcribe.result import Result
from ocrnn.transcribe.shards import Shard

PICTURES = [Picture(f"in/{name}.png", 3) for name in "abcd"]


def result(*, fails: bool = False, line: str = "") -> Result:
    return Result(0, "x", 1, 2, ImageError("x: bad") if fails else Reading("1", 0.9, (), 9, 9), line)


def test_a_folder_is_made_and_what_is_there_is_not_due(tmp_path: Path) -> None:
    folder = str(tmp_path / "out")
    outlet = Outlet.chosen(folder, "text", [*PICTURES, PICTURES[0]], alone=False, overwrite=False)
    assert outlet.places == {each: str(Path(folder, f"{each.relative[0]}.txt")) for each in PICTURES}
    Path(folder, "b.txt").touch()
    assert outlet.due(PICTURES, None, overwrite=False) == ([PICTURES[0], *PICTURES[2:]], [PICTURES[1]])
    assert outlet.due(PICTURES, None, overwrite=True) == (PICTURES, [])
    assert outlet.due(PICTURES, Shard(2, 1), overwrite=False) == (PICTURES[:1], PICTURES[1:2])
    assert outlet.due(PICTURES, Shard(2, 2), overwrite=False) == (PICTURES[2:], [])


@pytest.mark.parametrize("output", [None, "all.txt"])
def test_of_one_document_a_share_is_due(tmp_path: Path, output: str | None) -> None:
    output = output and str(tmp_path / output)
    outlet = Outlet.chosen(output, "text", PICTURES, alone=False, overwrite=False)
    assert outlet.places is None
    assert [*outlet.due(PICTURES, Shard(2, 2), overwrite=False)[0]] == PICTURES[2:]
    assert outlet.due(PICTURES, None, overwrite=False) == (PICTURES, ())


def test_a_file_of_its_own_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    good, bad = result(), result(fails=True)
    together = Outlet.chosen(None, "text", PICTURES, alone=False, overwrite=False)
    apart = Outlet.chosen(str(tmp_path), "text", PICTURES, alone=False, overwrite=False)
    for pages, both in [([good, good], (True, True)), ([good, bad], (True, False)), ([bad, bad], (True, False))]:
        assert (together.takes(pages), apart.takes(pages)) == both
    # lines of a page have names
    assert apart.takes([result(line="r1l1"), result(fails=True, line="r1l2")])
    assert not apart.takes([result(fails=True, line="r1l1"), result(fails=True, line="r1l2")])


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "there.txt").touch()
    for output, form, message in [
        (str(tmp_path / "there.txt"), "text", "is there already; give --overwrite"),
        ("line.png", "text", "is named like a picture"),
        (None, "alto", "-f alto: a file is about one picture, not 4; give -o DIR"),
        (str(tmp_path / "a.xml"), "page", "-f page: a file is about one picture"),
        (str(tmp_path / "b.xml"), "text", "is read itself"),
    ]:
        with pytest.raises(UsageError, match=message):
            Outlet.chosen(output, form, PICTURES, alone=False, overwrite=False, named=[str(tmp_path / "b.xml")])  # type: ignore[arg-type]
