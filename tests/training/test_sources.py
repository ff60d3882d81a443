from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrnn.data.labels import Sample
from ocrnn.data.lines import Store
from ocrnn.errors import ImageError
from ocrnn.training.sources import RealLines


def test_pictures_kept_in_memory_are_the_pictures_on_disk(digits: list[Sample]) -> None:
    kept, unkept = RealLines(digits, None), RealLines(digits, None, cache_bytes=0)
    rng = np.random.default_rng(0)
    for _ in range(2):  # the second time from memory
        assert all(np.array_equal(kept.draw(n, rng)[0], unkept.draw(n, rng)[0]) for n in range(9))


def test_a_page_is_decoded_once_for_all_its_lines(tmp_path: Path) -> None:
    loads = []

    @dataclass(frozen=True)
    class Row:
        top: int

        def load(self, holder: Path, max_pixels: int) -> np.ndarray:
            loads.append((holder.name, self.top))
            if self.top == 3:
                raise ImageError("spoiled")
            return np.full((8, 20), self.top, np.uint8)

        def read(self, holder: Path) -> None:
            raise AssertionError

    samples = [Sample(tmp_path / page, "1", part=Row(top)) for page in ("a.png", "b.png") for top in range(4)]
    source = RealLines(samples, None)
    rng = np.random.default_rng(0)
    assert source.draw(5, rng)[0][0, 0] == 1
    assert sorted(loads) == [("b.png", top) for top in range(4)]
    assert [int(source.draw(4 + top, rng)[0][0, 0]) for top in range(3)] == [0, 1, 2]
    assert len(loads) == 4
    with pytest.raises(ImageError, match="spoiled"):
        source.draw(7, rng)
    loads.clear()
    assert RealLines(samples[:7], None).draw(6, rng)[0][0, 0] == 2
    assert sorted(loads) == [("b.png", top) for top in range(3)]


class Shard(Store):
    """One sample that is made when it is asked for."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample

    def __len__(self) -> int:
        return 1

    def sample(self, number: int) -> Sample:
        return self._sample


@pytest.mark.parametrize(("held", "second"), [("in memory", 10), ("in a store", 20)])
def test_pictures_of_a_store_are_not_kept(held: str, second: int, tmp_path: Path) -> None:
    sample = Sample(tmp_path / "a.png", "1")
    source = RealLines([sample] if held == "in memory" else Shard(sample), None)
    seen = []
    for shade in (10, 20):
        Image.new("L", (9, 5), shade).save(sample.image)
        seen.append(int(source.draw(0, np.random.default_rng(0))[0][0, 0]))
    assert seen == [10, second]
