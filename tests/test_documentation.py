"""What people read says what the code does: a setting or a command that is not documented fails here."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import typer

from labelwheel.backend.cli import app
from labelwheel.backend.settings import Settings
from labelwheel.plugins.argilla import doubts, ranks
from labelwheel.plugins.label_studio import doubts as label_studio_doubts
from labelwheel.plugins.label_studio import least_sure
from labelwheel.training.launchers.kubeflow.configuration import Configuration

ROOT = Path(__file__).parent.parent


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    # By path: docs/ is no package, and a dependency may well bring a module of that name.
    spec = importlib.util.spec_from_file_location("settings_table", ROOT / "docs" / "settings.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_setting_says_what_it_is() -> None:
    for name, field in (Settings.model_fields | Configuration.model_fields).items():
        assert field.description, f"{name} has no description"
        assert not field.description.endswith("."), f"{name}: a row of a table, not a sentence"
        assert "|" not in field.description, f"{name}: this would break the table"


def test_the_page_has_the_table_of_settings(generator: ModuleType) -> None:
    assert len(generator.PAGES) == 2
    for page, settings in generator.PAGES.items():
        text = page.read_text("utf-8")
        assert generator.replaced(text, settings) == text, f"{page.name} is out of date: run `make docs`"


def test_the_table_does_not_print_secrets(generator: ModuleType) -> None:
    secrets = [name for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)]
    assert secrets
    for name in secrets:
        assert f"| `LABELWHEEL_{name.upper()}` |  |" in generator.table()


def test_a_page_without_a_place_for_the_table_is_refused(generator: ModuleType) -> None:
    with pytest.raises(LookupError):
        generator.replaced("# Settings\n")


def test_each_command_is_in_the_readme() -> None:
    command = typer.main.get_command(app)
    names = [name for name, each in getattr(command, "commands", {}).items() if not each.hidden]
    assert names
    readme = read("README.md")
    missing = [name for name in names if not re.search(rf"labelwheel {re.escape(name)}\b", readme)]
    assert not missing, "\n".join(missing)


def test_what_is_added_to_a_tool_is_called_as_the_tool_shows_it() -> None:
    """Argilla's Sort has the titles of metadata properties, and finds nothing by their names."""
    readme = " ".join(read("README.md").split())
    for each in (doubts, ranks, label_studio_doubts, least_sure):
        assert each.TITLE in readme, each.__name__


def test_each_target_that_the_documents_name_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z][a-z%-]*):", read("Makefile"), re.MULTILINE))
    documents = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
    for document in documents:
        for block in re.findall(r"```.*?```|`[^`\n]+`", document.read_text(encoding="utf-8"), re.DOTALL):
            for name in re.findall(r"(?:^|[`$ ])make ([a-z][a-z-]*)", block):
                known = name in targets or name.startswith("bench-")
                assert known, f"{document.name} names `make {name}`, which the Makefile does not have"


def test_links_between_the_documents_lead_somewhere() -> None:
    top = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
    documents = [*top, *sorted((ROOT / "docs").rglob("*.md"))]
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8"))
        if "://" not in target and not (document.parent / target).exists()
    ]
    assert not broken, "\n".join(broken)


def test_files_that_the_documents_name_are_there() -> None:
    """Placeholders are written in capitals (training/strategies/NAME.py), or lie in no folder of ours."""
    named = re.compile(r"(?<![\w./-])(?:backend|plugins|training|testkit|tests|demo|benchmarks|docs)/[\w./-]*[\w/]")
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    missing = [
        f"{document.relative_to(ROOT)}: {name}"
        for document in documents
        for name in named.findall(document.read_text(encoding="utf-8"))
        if not re.search(r"\b[A-Z]{2,}\b", name.replace("_", " "))
        and not (ROOT / name).exists()
        and not (ROOT / f"{name}.py").is_file()
    ]
    assert not missing, "\n".join(missing)


def test_each_decision_is_listed_by_its_title() -> None:
    listed = read("docs/decisions/README.md")
    for page in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        title = page.read_text("utf-8").partition("\n")[0]
        number = int(page.name[:4])
        assert title.startswith(f"# {number}. "), f"{page.name}: {title}"
        assert f"{number}. [{title.removeprefix(f'# {number}. ')}]({page.name})" in listed, f"{page.name} is not listed"


def test_the_changelog_says_what_comes_next() -> None:
    changelog = read("CHANGELOG.md")
    assert re.search(r"^## \[Unreleased\]$", changelog, re.MULTILINE)
    assert re.search(r"^### (Added|Changed|Deprecated|Removed|Fixed|Security)$", changelog, re.MULTILINE)
