"""What README, guides and docstrings promise: commands that CI runs, examples that hold, links that lead somewhere."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import shlex
import shutil
from pathlib import Path

import click
import pytest

import ocrnn
from ocrnn.cli.main import COMMANDS, program

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(ocrnn.__path__, "ocrnn.") if not module.name.endswith("__main__")
)
NEEDS_MODEL = "Reader.open()"


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def guides(root: Path) -> str:
    """The README and what it leads on to, one after another."""
    pages = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


def shell_lines(page: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("name", ["ocrnn", *MODULES])
def test_docstring_examples(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(str(importlib.util.find_spec(name).origin))  # type: ignore[union-attr]
    source = path.read_text(encoding="utf-8")
    if ">>>" not in source:
        return
    if NEEDS_MODEL in source and not (root / "ocrnn" / "models" / "latin.onnx").exists():
        pytest.skip("the shipped model is not there")
    monkeypatch.chdir(root)
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted and not result.failed


def test_readme_examples(latin: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As they are fresh from a checkout: the first lesson puts 4,400 lines beside them.
    shutil.copytree(root / "samples", tmp_path / "samples", ignore=shutil.ignore_patterns("digits*"))
    monkeypatch.chdir(tmp_path)
    result = doctest.testfile(str(root / "README.md"), module_relative=False, encoding="utf-8")
    assert result.attempted >= 5 and not result.failed


def test_ci_runs_the_two_commands_of_the_readme(readme: str, root: Path) -> None:
    """CI takes them from the README by how they begin, so each must be there once and begin so."""
    script = (root / ".ci" / "run").read_text(encoding="utf-8")
    patterns = re.findall(r"grep -m1 '\^(.*?)' README\.md", script)
    found = [[line for line in readme.splitlines() if re.match(pattern, line)] for pattern in patterns]
    assert [len(lines) for lines in found] == [1, 1]
    assert found[0][0] == "pip install . && ocrnn read samples/receipt.png"
    assert found[1][0] == "pip install -c constraints.txt -e '.[train,test]' && pytest"
    assert 'eval "$read_command"' in script and 'eval "$test_command"' in script


def test_every_command_in_the_guides_parses(guides: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options and arguments of each example are known to the command, which is not run."""
    monkeypatch.chdir(tmp_path)
    for folder in ("lines", "others", "scans", "samples/digits", "samples/digits-test"):
        (tmp_path / folder).mkdir(parents=True)
    examples = [line.partition(" # ")[0] for line in shell_lines(guides)]
    calls = [call.split("|")[-1].strip() for line in examples for call in line.split("&&") if "ocrnn " in call]
    assert len(calls) > 30
    for call in calls:
        told = re.search(r"(?<=ocrnn ).*?(?= > | & |$)", call)
        assert told, call
        name, *arguments = shlex.split(told[0])
        above = click.Context(
            program, **program.context_settings
        )  # its names of --help go down, and commands keep them
        command = program.get_command(above, name)
        assert command is not None, call
        command.make_context(name, arguments, parent=above)


def test_every_command_is_in_the_guides(guides: str) -> None:
    assert not {name for name in COMMANDS if f"ocrnn {name}" not in guides}


def test_exit_statuses_are_those_of_the_program(guides: str) -> None:
    from ocrnn.cli import main

    listed = {int(number) for number in re.findall(r"^\| (\d+) \|", guides, re.MULTILINE)}
    assert listed == {
        0, main.FAILED, main.MISUSED, main.MODEL_UNUSABLE, main.NOTHING_TO_READ, main.INTERRUPTED
    }  # fmt: skip


def test_the_map_shows_every_room(root: Path) -> None:
    house = (root / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## The house")[2]
    rooms = {path.name for path in (root / "ocrnn").iterdir() if path.is_dir() and any(path.glob("*.py"))}
    nouns = {path.stem for path in (root / "ocrnn").glob("*.py")} - {"__init__", "__main__"}
    assert not {room for room in rooms if f"\n  {room}/ " not in house}
    assert not {noun for noun in nouns if not re.search(rf"\b{noun}\b", house)}


def test_tables_stand_between_their_comments(readme: str, root: Path) -> None:
    names = set(re.findall(r'record\.publish\("(\w+)"', "".join(p.read_text() for p in root.glob("benchmarks/*.py"))))
    assert names >= {"accuracy", "speed", "startup"}
    pages = readme + (root / "benchmarks" / "README.md").read_text(encoding="utf-8")
    for name in names:
        assert pages.count(f"<!-- {name} -->") == pages.count(f"<!-- /{name} -->") == 1


def test_links_lead_somewhere(root: Path) -> None:
    """Those of every page between files of the project, headings within them included."""
    pages = [page for folder in (".", "docs", "docs/commands", "benchmarks", "training", "samples", "charsets")
             for page in (root / folder).glob("*.md")]  # fmt: skip
    for page in pages:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target, anchor in re.findall(r"\]\(((?!\w+:)[^)#]*)(#[^)]*)?\)", text):
            path = (page.parent / target) if target else page
            assert path.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in anchors(path), f"{page.name}: {target}{anchor}"


def anchors(page: Path) -> set[str]:
    """Names of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_version_is_in_the_changelog(root: Path) -> None:
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(ocrnn.__version__)} ", changes, re.MULTILINE)


def test_public_names_are_there() -> None:
    for name in ocrnn.__all__:
        assert getattr(ocrnn, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = ocrnn.Nothing


def test_the_licence_is_whole(root: Path) -> None:
    licence = (root / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence and "END OF TERMS AND CONDITIONS" in licence
