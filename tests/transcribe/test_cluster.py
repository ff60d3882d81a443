"""A cluster of two machines on this one, which lose readers, a machine, and whoever opens a certain picture."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ocrnn.errors import ImageError, ModelError, UsageError
from ocrnn.reading import Reading
from ocrnn.transcribe.cluster import read_sources
from ocrnn.transcribe.reader import Reader

if TYPE_CHECKING:
    from tests.conftest import Bars

LINES = 400

needs_ray = pytest.mark.filterwarnings("ignore")  # those of ray's own


@pytest.fixture
def deadly(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH, under which whoever opens a picture 5.png is killed, as when memory runs out."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(
        "import builtins, io, os\nreal = open\n"
        "def fatal(file, *args, **given):\n"
        "    if os.path.basename(str(file)) == '5.png':\n        os.kill(os.getpid(), 9)\n"
        "    return real(file, *args, **given)\n"
        "builtins.open = io.open = fatal\n"
    )
    return tmp_path / "site"


@pytest.fixture
def cluster(root: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes of two cores each; its `nodes` are those that may be lost."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    before = [str(request.getfixturevalue("deadly"))] if "deadly" in request.fixturenames else []
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*before, str(root)]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    try:
        made.nodes = [made.add_node(num_cpus=2)]
        yield made
    finally:
        import ray

        ray.shutdown()
        made.shutdown()


@pytest.fixture
def paths(bars: Bars, tmp_path: Path) -> list[str]:
    return [bars.save(tmp_path / f"in/{number}.png", str(number)) for number in range(LINES)]


def readers() -> list[int]:
    """Processes of actors that the raylets of this process have started."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if b"MapWorker" in (place / "cmdline").read_bytes() and _parent(_parent(int(place.name))) == os.getpid():
                found.append(int(place.name))
        except OSError:
            continue
    return found


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@needs_ray
def test_every_line_is_read_once_though_a_reader_and_a_machine_are_lost(
    cluster: Any, bars_file: str, paths: list[str]
) -> None:
    Path(paths[7]).write_text("no picture")
    results = read_sources(paths, options={"model": bars_file}, address=cluster.address, batch_size=2)
    found = []
    for number, pages in enumerate(results):
        found.append(pages)
        if number == 20:
            os.kill(readers()[0], signal.SIGKILL)
        if number == 60:
            cluster.remove_node(cluster.nodes.pop())
    alone = list(Reader.open(bars_file, jobs=1, threads=1).read_sources(paths))
    assert [str(pages) for pages in found] == [str(pages) for pages in alone]
    assert [page.source for pages in found for page in pages] == list(range(LINES))


@needs_ray
def test_a_picture_that_ends_its_readers_fails_alone(
    deadly: Path, cluster: Any, bars_file: str, paths: list[str]
) -> None:
    found = list(read_sources(paths[:60], options={"model": bars_file}, address=cluster.address))
    assert [page.source for pages in found for page in pages] == list(range(60))
    for number, (page,) in enumerate(found):
        if number == 5:
            assert isinstance(page.outcome, ImageError)
            assert str(page.outcome) == f"{paths[5]}: 3 readers were lost with it; read it by itself"
        else:
            assert isinstance(page.outcome, Reading) and page.outcome.text == str(number)


@needs_ray
def test_a_model_that_is_nowhere_ends_it(cluster: Any, paths: list[str]) -> None:
    with pytest.raises(ModelError, match="no reader starts on the cluster"):
        list(read_sources(paths, options={"model": "nosuch.onnx"}, address=cluster.address))


def test_without_ray_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'ocrnn\[ray\]'"):
        list(read_sources(["x.png"], options={}))
