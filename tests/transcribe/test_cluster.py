"""A cluster of two machines on this one, which lose readers, a machine, and whoever opens a certain picture."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ocrnn.errors import ImageError, ModelError, UsageError
from ocrnn.reading import Reading
from ocrnn.transcribe import cluster as clusters
from ocrnn.transcribe.cluster import Crew, crew_of, read_sources
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
def test_what_is_nowhere_ends_it(cluster: Any, bars_file: str, paths: list[str]) -> None:
    with pytest.raises(ModelError, match=rf"^{re.escape(socket.gethostname())}: nosuch\.onnx: no such file; "):
        list(read_sources(paths, options={"model": "nosuch.onnx"}, address=cluster.address))
    with pytest.raises(UsageError, match=r"^--device cuda: no machine of the cluster has a GPU; .*`ray start"):
        list(read_sources(paths, options={"model": bars_file, "device": "cuda"}, address=cluster.address))


@needs_ray
def test_an_actor_sits_on_each_gpu(
    cluster: Any, bars_file: str, paths: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GPUs that Ray believes in, on one of three machines; each actor tells where it is and reads on a processor."""
    there = cluster.add_node(num_cpus=4, num_gpus=2)
    (tmp_path / "seen").mkdir()

    class Watched(clusters._Actor):
        def __init__(self, tally: Any, options: Any, batch_size: int) -> None:
            import ray

            from ocrnn.model import device

            provider = device.Provider("CPUExecutionProvider", "", "")
            device.PROVIDERS = {"cuda": provider}
            told = ray.get_runtime_context().get_node_id(), os.environ["CUDA_VISIBLE_DEVICES"], str(options["jobs"])
            (tmp_path / "seen" / str(os.getpid())).write_text(" ".join(told))
            super().__init__(tally, options, batch_size)

    monkeypatch.setattr(clusters, "_Actor", Watched)
    options = {"model": bars_file, "device": "cuda"}
    found = [
        page.outcome.text
        for (page,) in read_sources(paths, options=options, address=cluster.address, actors=9)
        if isinstance(page.outcome, Reading)
    ]
    assert found == [str(number) for number in range(LINES)]
    seen = sorted(path.read_text() for path in (tmp_path / "seen").iterdir())
    assert seen == [f"{there.node_id} {number} 2" for number in (0, 1)]


@pytest.mark.parametrize(
    ("machines", "actors", "crew"),
    [
        ([{"CPU": 8.0, "memory": 1e9}, {"CPU": 2.0, "GPU": 1.0}], None, Crew(10)),
        ([{"CPU": 8.0}], 3, Crew(3)),
        ([{"memory": 1e9}], None, Crew(1)),
    ],
)
def test_an_actor_for_each_core(machines: list[dict[str, float]], actors: int | None, crew: Crew) -> None:
    assert crew_of(machines, actors) == crew
    assert crew.jobs == 1


@pytest.mark.parametrize(
    ("machines", "actors", "crew", "jobs"),
    [
        ([{"CPU": 64.0}, {"CPU": 16.0, "GPU": 4.0}, {"CPU": 6.0, "GPU": 2.0}], None, Crew(6, cores=3, gpus=1), 3),
        ([{"CPU": 16.0, "GPU": 4.0}], 2, Crew(2, cores=4, gpus=1), 4),
        ([{"CPU": 16.0, "GPU": 4.0}], 9, Crew(4, cores=4, gpus=1), 4),  # more would wait for ever
        ([{"GPU": 2.0}], None, Crew(2, cores=0, gpus=1), 1),
        ([{"CPU": 1.0, "GPU": 2.0}, {"CPU": 9.0, "GPU": 0.5}], None, Crew(2, cores=0, gpus=1), 1),
    ],
)
def test_an_actor_for_each_gpu(machines: list[dict[str, float]], actors: int | None, crew: Crew, jobs: int) -> None:
    found = crew_of(machines, actors, on_gpus=True)
    assert (found, found.jobs) == (crew, jobs)
    for machine in machines:  # as many actors as it has GPUs find their cores
        assert found.cores * int(machine.get("GPU", 0)) <= machine.get("CPU", 0)


def test_who_takes_a_lot_that_was_given_up_has_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def read(lots: Any, options: Any, batch_size: int, crew: Crew) -> Iterator[None]:
        asked.append((lots, options["device"], crew))
        yield from (None for _ in lots)

    monkeypatch.setattr(clusters, "_read", read)
    for device, own in [("cuda", "cpu"), ("auto", "auto")]:
        (lost,), (other,) = clusters._one_by_one(["a.png", "b.png"], {"device": device})
        assert asked.pop() == ([["a.png"], ["b.png"]], own, Crew(1, cores=0))
        assert (lost.name, other.name) == ("a.png", "b.png")


def test_without_ray_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'ocrnn\[ray\]'"):
        list(read_sources(["x.png"], options={}))
