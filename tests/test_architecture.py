"""Imports point one way, and torch stays where it is needed: read from the sources, not from a running program."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

# Each room may import from itself and from the rows above it; rooms of one row do not know one another.
ROWS = (
    {"errors"},
    {"charset", "folders", "image", "png", "reading", "metrics", "page", "spec", "storage"},
    {"data", "synth", "decoding"},
    {"model"},
    {"transcribe", "evaluation"},
    {"training", "bench"},
    {"cli"},
)
ORDER = {room: number for number, row in enumerate(ROWS) for room in row}
NOUNS = ROWS[1]
"""Single files that share a row and may build on one another, without going round in a circle."""
FACADE = {"__init__", "__main__"}
"""The package's front, which imports its rooms when they are first used."""

TORCH_AT_THE_TOP = {"model/network.py", "model/export.py", "model/weights.py"}
"""With training/*, the only files that may import torch before a function runs."""
EFFECTS = {"print", "input", "exit", "quit"}


def modules(root: Path) -> list[Path]:
    return sorted((root / "ocrnn").rglob("*.py"))


def room(path: Path, root: Path) -> str:
    return path.relative_to(root / "ocrnn").parts[0].removesuffix(".py")


def imports(tree: ast.AST, *, top_only: bool = False) -> Iterator[tuple[str, int]]:
    """Dotted names that a file imports, with the line; not those for type checkers alone."""
    nodes = list(ast.iter_child_nodes(tree))
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            nodes.extend(node.orelse)
            continue
        if top_only and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        nodes.extend(ast.iter_child_nodes(node))


def offences(root: Path) -> Iterator[str]:
    for path in modules(root):
        here = room(path, root)
        if here in FACADE:
            continue
        for name, line in imports(ast.parse(path.read_text(encoding="utf-8"))):
            parts = name.split(".")
            if parts[0] != "ocrnn" or len(parts) < 2 or parts[1] == "__version__":
                continue
            there = parts[1]
            where = f"{path.relative_to(root)}:{line} imports {name}"
            if there not in ORDER:
                yield f"{where}: a room that the plan does not know"
            elif ORDER[there] > ORDER[here] or (
                ORDER[there] == ORDER[here] and there != here and not {there, here} <= NOUNS
            ):
                yield f"{where}: against the direction"


def test_imports_point_one_way(root: Path) -> None:
    assert not list(offences(root))


def test_every_room_is_in_the_plan(root: Path) -> None:
    assert {room(path, root) for path in modules(root)} <= ORDER.keys() | FACADE


def test_nouns_do_not_go_round_in_a_circle(root: Path) -> None:
    edges = {
        noun: {
            name.split(".")[1]
            for name, _ in imports(ast.parse((root / "ocrnn" / f"{noun}.py").read_text(encoding="utf-8")))
            if name.startswith("ocrnn.")
        }
        for noun in NOUNS
    }
    open_nouns = dict(edges)
    while open_nouns:
        free = [noun for noun, needs in open_nouns.items() if not needs & open_nouns.keys()]
        assert free, f"a circle among {sorted(open_nouns)}"
        for noun in free:
            del open_nouns[noun]


def brought_in(path: Path, root: Path, seen: set[Path] | None = None) -> set[str]:
    """Packages from elsewhere that come in when a file is imported, through all that it imports at the top."""
    seen = set() if seen is None else seen
    seen.add(path)
    foreign = set()
    for name, _ in imports(ast.parse(path.read_text(encoding="utf-8")), top_only=True):
        parts = name.split(".")
        if parts[0] != "ocrnn":
            foreign.add(parts[0])
            continue
        for end in (len(parts), len(parts) - 1):  # a module, or a name inside of one
            file = root.joinpath(*parts[:end]).with_suffix(".py")
            if file.exists() and file not in seen:
                foreign |= brought_in(file, root, seen)
    return foreign


def test_torch_is_imported_at_the_top_only_where_it_is_needed(root: Path) -> None:
    for path in modules(root):
        short = path.relative_to(root / "ocrnn").as_posix()
        if short not in TORCH_AT_THE_TOP and not short.startswith("training/"):
            assert not brought_in(path, root) & {"torch", "safetensors", "onnx", "matplotlib"}, short


def test_commands_import_nothing_heavy_at_the_top(root: Path) -> None:
    """`ocrnn --help` answers fast: it waits for click and the standard library alone."""
    heavy = {"numpy", "cv2", "PIL", "onnxruntime", "torch", "editdistance", "safetensors", "matplotlib"}
    for path in modules(root):
        if room(path, root) in FACADE | {"cli"}:
            assert not brought_in(path, root) & heavy, path
    assert {"numpy", "cv2"} <= brought_in(root / "ocrnn" / "spec.py", root)  # by way of the line format


def test_click_stays_in_the_command_line(root: Path) -> None:
    for path in modules(root):
        names = {name.split(".")[0] for name, _ in imports(ast.parse(path.read_text(encoding="utf-8")))}
        assert "click" not in names or room(path, root) == "cli", path


def test_effects_stay_at_the_rim(root: Path) -> None:
    """Only the command line prints, asks or ends the program."""
    for path in modules(root):
        if room(path, root) == "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in EFFECTS | {"sys.exit"}, f"{path}:{node.lineno}"


def test_nothing_unpickles_or_evaluates(root: Path) -> None:
    for path in modules(root):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not {name.split(".")[0] for name, _ in imports(tree)} & {"pickle", "marshal", "shelve", "dill"}, path
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"eval", "exec"}, f"{path}:{node.lineno}"
                if called == "torch.load":
                    assert any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords), path


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("charset.py", "from ocrnn.data import labels"),
        ("data/x.py", "def f():\n    from ocrnn.synth.lines import Synthesizer"),
        ("decoding/x.py", "import ocrnn.model.runtime"),
        ("model/x.py", "from ocrnn.cli import main"),
        ("surprise.py", "from ocrnn.utils import anything"),
    ],
)
def test_these_rules_can_fail(file: str, source: str, tmp_path: Path) -> None:
    path = tmp_path / "ocrnn" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    ORDER.setdefault("surprise", 1)
    try:
        assert list(offences(tmp_path))
    finally:
        ORDER.pop("surprise", None)
