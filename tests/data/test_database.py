"""A database as create_lmdb_dataset.py of deep-text-recognition-benchmark writes it gives the lines that went in."""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrnn.data.database import _environment
from ocrnn.data.labels import LabelSet, read_labels
from ocrnn.data.lines import blocks
from ocrnn.errors import ImageError, LabelError

lmdb = pytest.importorskip("lmdb")

TEXTS = ["Straße 7", "a, b", "12.40", "Ünï"]


def picture(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (60, 20), (shade, shade, shade)).save(file, "PNG")
    return file.getvalue()


def create(output: Path, texts: list[str]) -> Path:
    """Step by step what createDataset() of create_lmdb_dataset.py does."""
    output.mkdir(parents=True, exist_ok=True)
    env = lmdb.open(str(output), map_size=1 << 24)
    cache = {}
    cnt = 1
    for number, label in enumerate(texts):
        cache[b"image-%09d" % cnt] = picture(10 * number)
        cache[b"label-%09d" % cnt] = label.encode()
        cnt += 1
    cache[b"num-samples"] = str(cnt - 1).encode()
    write(env, cache)
    return output


def write(env: object, cache: Mapping[bytes, bytes | None]) -> None:
    with env.begin(write=True) as txn:  # type: ignore[attr-defined]
        for key, value in cache.items():
            txn.delete(key) if value is None else txn.put(key, value)
    env.close()  # type: ignore[attr-defined]


def spoiled(folder: Path, change: Mapping[bytes, bytes | None]) -> LabelSet:
    create(folder, TEXTS)
    write(lmdb.open(str(folder), map_size=1 << 24), change)
    return read_labels(folder)


def test_each_line_is_read_in_place(tmp_path: Path) -> None:
    labels = read_labels(create(tmp_path / "db", TEXTS))
    assert labels.problems == ()
    assert [sample.text for sample in labels.samples] == TEXTS
    assert [int(sample.load()[3, 3]) for sample in labels.samples] == [0, 10, 20, 30]
    second = labels.samples[1]
    assert (second.name, second.title, second.document) == ("image-000000002", "image-000000002 of db", "")
    assert second.where == str(tmp_path / "db" / "data.mdb" / "label-000000002")
    assert pickle.loads(pickle.dumps(second)).load().shape == (20, 60)
    assert blocks(labels.samples) == [4]
    assert len({sample.key for sample in labels.samples}) == 4
    # The same beside others, below a folder.
    create(tmp_path / "other", ["x"])
    assert [sample.name for sample in read_labels(tmp_path).samples] == [
        *(f"db/image-{n:09}" for n in range(1, 5)),
        "other/image-000000001",
    ]


def shades(samples: list[object]) -> list[int]:
    return [int(sample.load()[0, 0]) for sample in samples]  # type: ignore[attr-defined]


def test_another_process_reads_too(tmp_path: Path) -> None:
    samples = list(read_labels(create(tmp_path / "db", TEXTS)).samples)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(shades, (samples,)) == [0, 10, 20, 30]


def test_many_databases_are_read_side_by_side(tmp_path: Path) -> None:
    """None is opened twice: LMDB refuses that in one process, and a run would end where two threads are at one."""
    for number in range(20):
        create(tmp_path / f"{number}", ["x"])
    samples = read_labels(tmp_path).samples
    reading = iter(samples)  # keeps the first database open, whatever comes between
    next(reading)
    for sample in list(samples):
        sample.load()
    assert samples[0].load().shape == (20, 60)


SPOILED: dict[str, tuple[dict[bytes, bytes | None], str]] = {
    "no count": (
        {b"num-samples": None},
        "data.mdb: the database has no num-samples; give one as create_lmdb_dataset.py makes it",
    ),
    "a count of nothing": (
        {b"num-samples": b"four"},
        "data.mdb: num-samples is b'four', of 9 entries; make the database again",
    ),
    "a count of millions": (
        {b"num-samples": b"99999999999"},
        "data.mdb: num-samples is b'99999999999', of 9 entries; make the database again",
    ),
    "a label gone": (
        {b"label-000000002": None},
        "data.mdb/label-000000002: is not there; make the database again",
    ),
    "an empty label": (
        {b"label-000000002": b" "},
        "data.mdb/label-000000002: the label of image-000000002 of db is empty; write its text or remove the line",
    ),
    "Latin-1": (
        {b"label-000000002": b"\xe9"},
        "data.mdb/label-000000002: byte 0xe9 is not UTF-8; write the labels as UTF-8",
    ),
}


@pytest.mark.parametrize("fault", SPOILED)
def test_each_spoiled_entry_is_named_and_costs_only_itself(fault: str, tmp_path: Path) -> None:
    change, expected = SPOILED[fault]
    labels = spoiled(tmp_path / "db", change)
    assert [str(problem).replace(f"{tmp_path / 'db'}{os.sep}", "") for problem in labels.problems] == [expected]
    assert [sample.text for sample in labels.samples] == ([] if b"num-samples" in change else [TEXTS[0], *TEXTS[2:]])


def test_a_picture_gone_or_damaged_is_named(tmp_path: Path) -> None:
    labels = spoiled(tmp_path / "db", {b"image-000000002": None, b"image-000000003": b"GIF89a"})
    with pytest.raises(ImageError, match=r"db: has no image-000000002; make the database again"):
        labels.samples[1].load()
    with pytest.raises(ImageError, match=r"db: image-000000003: (the picture is damaged|not a picture)"):
        labels.samples[2].load()


@pytest.mark.parametrize("keep", [0, 100, 4096, 20000])
def test_a_database_cut_off_is_named_and_kills_nothing(keep: int, tmp_path: Path) -> None:
    folder = create(tmp_path / "db", TEXTS * 20)
    data = (folder / "data.mdb").read_bytes()
    assert len(data) > 20000
    (folder / "data.mdb").write_bytes(data[:keep])
    [problem] = read_labels(folder).problems
    assert "not a database of LMDB" in problem.what or "cut off" in problem.what


def test_nothing_is_written_beside_a_database(tmp_path: Path) -> None:
    folder = create(tmp_path / "db", TEXTS)
    (folder / "lock.mdb").unlink()
    before = (folder / "data.mdb").read_bytes()
    assert len(read_labels(folder).samples) == 4
    assert [path.name for path in folder.iterdir()] == ["data.mdb"]
    assert (folder / "data.mdb").read_bytes() == before


def test_without_lmdb_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = create(tmp_path / "db", TEXTS)
    _environment.cache_clear()
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(LabelError, match=r"db: LMDB is read with lmdb; pip install 'ocrnn\[lmdb\]'"):
        read_labels(folder)


def test_pictures_are_those_that_went_in(tmp_path: Path) -> None:
    sample = read_labels(create(tmp_path / "db", TEXTS)).samples[3]
    assert np.array_equal(sample.load(), np.full((20, 60), 30, np.uint8))
    assert sample.part is not None and sample.part.read(sample.image) == picture(30)
