"""The pages of docs/commands are those of the program as it is."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

from ocrnn.cli.main import COMMANDS, program


@pytest.fixture(scope="module")
def make(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("make", root / "docs" / "make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_are_fresh(make: ModuleType, root: Path) -> None:
    there = {path.name: path.read_text(encoding="utf-8") for path in (root / "docs" / "commands").iterdir()}
    made = make.pages()
    assert there.keys() == made.keys(), "run python docs/make.py"
    for name, text in made.items():
        assert there[name] == text, f"{name}: run python docs/make.py"


def test_each_page_says_what_help_says(make: ModuleType) -> None:
    """Against what click itself prints: names of options, words of their help, examples."""
    for words, command in make.commands():
        page = re.sub(r"\s+", " ", make.pages()["-".join(words[1:]) + ".md"]).replace("&lt;", "<").replace("`", "")
        shown = CliRunner().invoke(program, [*words[1:], "--help"], prog_name="ocrnn", max_content_width=10_000).stdout
        for name in re.findall(r"(?<!\S)--[a-z][a-z0-9-]*", shown):
            assert name in page, (words, name)
        for paragraph in (command.help or "").split("\n\n"):
            assert " ".join(paragraph.split()).replace("`", "") in page
        for option in command.params:
            if isinstance(option, click.Option):
                assert " ".join((option.help or "").split()).replace("`", "") in page, (words, option.name)


def test_the_front_page_leads_to_every_other(make: ModuleType) -> None:
    pages = make.pages()
    assert set(re.findall(r"\]\((\S+\.md)\)", pages["README.md"])) == pages.keys() - {"README.md"}
    for name, short in COMMANDS.items():
        assert f"[`ocrnn {name}`]({name}.md): {short}" in pages["README.md"]


def test_what_markdown_would_swallow_is_spelled_out(make: ModuleType) -> None:
    assert make._filled("runs/<name>, `a <b>`") == "runs/&lt;name>, `a <b>`"


def test_examples_are_what_a_shell_takes(make: ModuleType) -> None:
    assert (
        make._shown("\b\nocrnn info       all of it\nocrnn info x")
        == "```sh\nocrnn info       # all of it\nocrnn info x\n```"
    )
    assert make._shown("\b\nocrnn info     # all of it") == "```sh\nocrnn info     # all of it\n```"
    assert not [name for name, text in make.pages().items() if "\b" in text]


def test_old_pages_go(make: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "PAGES", tmp_path / "commands")
    make.main()
    (tmp_path / "commands" / "gone.md").write_text("# ocrnn gone")
    make.main()
    assert {path.name for path in (tmp_path / "commands").iterdir()} == make.pages().keys()
