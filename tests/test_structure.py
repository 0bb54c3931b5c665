"""The rules of the house: who may import whom, how long a file may be, what is never read."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("training", "plugins", "backend")
# What a connector may know of machine learning: the words, not the learners.
VOCABULARY = {"training.errors", "training.questions", "training.spec"}
CONTRACT = {
    f"plugins.{name}"
    for name in (
        "addresses",
        "alternatives",
        "capabilities",
        "columns",
        "connector",
        "descriptions",
        "errors",
        "halving",
        "http",
        "limits",
        "reasons",
        "route_marks",
    )
}
TOOLS = re.compile(r"label[\s_-]?studio|argilla", re.IGNORECASE)
# Where the service may call a labelling tool by name all the same: as an example in a command's help.
NAMED_AS_AN_EXAMPLE: frozenset[str] = frozenset()
# Inside of backend/: a room imports those below it and its own files; `app` and `cli` put all of them together.
FLOORS = {
    "database": 0, "projects": 1, "ledger": 2, "rounds": 3, "revisions": 4, "tuning": 4, "views": 4, "suggestions": 4,
    "onboarding": 4, "publishing": 4, "serving": 4, "web": 5, "pipelines": 6, "processes": 6, "worker": 7, "replay": 7,
    "commands": 8,
}  # fmt: skip
# What stands beside the rooms, and any of them may use.
SHARED = {"clock", "devices", "errors", "logs", "networks", "settings", "trouble", "validation"}
# pandas, numpy and torch unpickle behind harmless names; these are the doors.
UNPICKLING = re.compile(r"\b(c?pickle|cloudpickle|dill|joblib|shelve|torch\.load|read_pickle|allow_pickle)\b")


def sources(room: str) -> list[Path]:
    return sorted(path for path in (ROOT / room).rglob("*.py") if "__pycache__" not in path.parts)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Each module that a file names, absolute; `from a import b` counts as a.b where that is a module of ours."""
    package = list(path.relative_to(ROOT).with_suffix("").parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, ours(each.name)) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ours(".".join([*base, *([node.module] if node.module else [])]))
            for each in node.names:
                submodule = ROOT.joinpath(*module.split("."), each.name)
                known = submodule.is_dir() or submodule.with_suffix(".py").is_file()
                yield node.lineno, f"{module}.{each.name}" if known else module


def ours(module: str) -> str:
    """labelwheel.backend.app is backend/app.py, and so is called backend.app here."""
    return module.removeprefix("labelwheel.")


def forbidden(room: str, module: str, path: Path) -> str | None:
    """Why a file of this room may not import this module; None if it may."""
    top = module.split(".")[0]
    if top in ("tests", "testkit", "demo", "benchmarks", "docs"):
        return "the product does not import what is built around it"
    if room == "training" and top in ("plugins", "backend"):
        return "training knows neither connectors nor the service"
    if room == "plugins" and top == "backend":
        return "a connector does not know the service"
    if room == "plugins" and top == "training" and module not in VOCABULARY:
        return f"a connector knows only {', '.join(sorted(VOCABULARY))}"
    if room == top == "backend":
        return against_the_arrows(path, module)
    own = path.parts[:2] if room == "plugins" else ()
    if top == "plugins" and module not in CONTRACT and tuple(module.split(".")[:2]) != own:
        return "connectors are found through entry points, and do not know each other"
    return None


def against_the_arrows(path: Path, module: str) -> str | None:
    """Why a file of the service may not import another of its modules; None if it may."""
    here = path.parts[1] if len(path.parts) > 2 else path.stem
    there = [*module.split("."), ""][1]
    if here == there or there in SHARED or here in ("app", "cli"):
        return None
    if here in SHARED:
        return "what every room uses knows none of them"
    if there == "app":
        return None if here == "processes" else "only a process starts the application"
    if FLOORS[there] < FLOORS[here]:
        return None
    return f"{here} does not know {there}: see the arrows in docs/architecture.md"


def test_imports_go_one_way() -> None:
    broken = [
        f"{path.relative_to(ROOT)}:{line} imports {module}: {why}"
        for room in ROOMS
        for path in sources(room)
        for line, module in imports(path)
        if (why := forbidden(room, module, path.relative_to(ROOT)))
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    ("path", "module", "allowed"),
    [
        ("training/job.py", "backend.settings", False),
        ("training/job.py", "training.kinds.choice", True),
        ("plugins/label_studio/client.py", "training.questions", True),
        ("plugins/label_studio/client.py", "training.kinds.choice", False),
        ("plugins/label_studio/client.py", "plugins.label_studio.regions", True),
        ("plugins/label_studio/client.py", "plugins.argilla.client", False),
        ("plugins/label_studio/client.py", "backend.database.tables", False),
        ("backend/app.py", "plugins.connector", True),
        ("backend/app.py", "plugins.label_studio", False),
        ("backend/app.py", "training.checkpoints.checkpoint", True),
        ("backend/app.py", "tests.support", False),
        ("backend/app.py", "backend.web.api", True),
        ("backend/ledger/intake.py", "backend.projects.generations", True),
        ("backend/ledger/intake.py", "backend.rounds.gate", False),
        ("backend/views/status.py", "backend.serving.models", False),
        ("backend/projects/projects.py", "backend.settings", True),
        ("backend/settings/places.py", "backend.projects.projects", False),
        ("backend/processes/gunicorn_conf.py", "backend.app", True),
        ("backend/web/api.py", "backend.app", False),
        ("backend/replay/answers.py", "backend.serving.models", True),
        ("backend/replay/simulation.py", "backend.worker.main", False),
        ("backend/rounds/runner.py", "backend.replay.simulation", False),
    ],
)
def test_the_import_rule_catches_what_it_should(path: str, module: str, allowed: bool) -> None:
    assert (forbidden(path.split("/")[0], module, Path(path)) is None) is allowed


# What may be known of strategies by those who choose among them, and measure what was chosen.
OF_STRATEGIES = {
    f"training.strategies.{name}"
    for name in ("allowance", "base", "cross_fitting", "materials", "outcome", "problem", "registry", "selection")
}


@pytest.mark.parametrize("path", ["training/strategies/selection.py", "training/measurement.py"])
def test_only_the_registry_names_a_strategy(path: str) -> None:
    """Else each new one would be one more case there."""
    known = {module for _, module in imports(ROOT / path) if module.startswith("training.strategies")}
    assert known
    assert not known - OF_STRATEGIES, f"{path} imports {', '.join(sorted(known - OF_STRATEGIES))}"
    # a name or a recipe that is asked for is an import in disguise
    asked = [
        f"{path}:{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
        and any(
            isinstance(each, ast.Constant) and isinstance(each.value, str) for each in (node.left, *node.comparators)
        )
    ]
    assert not asked, "\n".join(asked)


# What may be known of kinds by those who ask them: their contract and what several of them share, not a single one.
OF_KINDS = {
    f"training.kinds.{name}"
    for name in (
        "agreement",
        "asking",
        "base",
        "coding",
        "kind_of",
        "kinds",
        "names",
        "objectives",
        "registry",
        "scaling",
        "sureness",
        "texts",
    )
} | {"training.kinds", "training.kinds.choices", "training.kinds.free_text", "training.kinds.span_windows"}
KINDS = {"choice", "choices", "spans", "rating", "taxonomy", "number", "pairwise", "text"}


def told_apart(tree: ast.AST) -> Iterator[ast.expr]:
    """Where code goes one way or another by the name of a kind: comparisons, matches, and tables by kind."""

    def is_kind(node: ast.expr | None) -> bool:
        return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Kind"

    for node in ast.walk(tree):
        parts: list[ast.expr | None] = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
            if any(getattr(side, "attr", getattr(side, "id", None)) == "kind" for side in parts):
                yield from (side for side in parts if isinstance(side, ast.Constant) and side.value in KINDS)
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        elif isinstance(node, ast.Dict):
            parts = node.keys
        elif isinstance(node, ast.Tuple | ast.List | ast.Set):
            parts = [*node.elts]
        yield from (part for part in parts if part is not None and is_kind(part))


def test_nobody_but_the_kinds_tells_kinds_apart() -> None:
    """Else each new kind would be one more case there: `kind_of(question)` says what it needs to know."""
    found = []
    for path in (path for room in ROOMS for path in sources(room)):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith("training/kinds/"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += [f"{name}:{node.lineno}: {ast.unparse(node)}" for node in told_apart(tree)]
        known = {module for _, module in imports(path) if module.startswith("training.kinds")} - OF_KINDS
        found += [f"{name} imports {module}" for module in sorted(known)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("code", "caught"),
    [
        ("if question.kind is Kind.SPANS: pass", True),
        ("if question.kind in (Kind.CHOICE, Kind.CHOICES): pass", True),
        ("if question.kind != 'spans': pass", True),
        ("LEAST = {Kind.SPANS: 8}", True),
        ("match question.kind:\n case Kind.SPANS: pass", True),
        ("Question(name='q', kind=Kind.SPANS, inputs=('text',))", False),
        ("if champion.kind == question.kind: pass", False),
        ("if control.type == 'span': pass", False),
    ],
)
def test_the_rule_of_kinds_catches_what_it_should(code: str, caught: bool) -> None:
    assert any(told_apart(ast.parse(code))) is caught


def test_one_name_is_one_thing_in_each_room() -> None:
    rooms: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for top in ROOMS:
        for path in sources(top):
            parts = path.relative_to(ROOT).parts
            if parts[-1] != "__init__.py" and "migrations" not in parts:
                rooms.setdefault(parts[:2], {}).setdefault(parts[-1], []).append("/".join(parts))
    twice = [" and ".join(paths) for names in rooms.values() for paths in names.values() if len(paths) > 1]
    assert not twice, "\n".join(twice)


# Where a call over HTTP may be made: by the one policy, by a job (which knows no connector), by what plays a client.
CALLERS = {"plugins/http.py", "training/progress.py", "testkit/load.py", "testkit/proxy.py"}
CALLING = re.compile(
    r"\brequests\.(Session|request|get|post|put|patch|delete|head)\b|\burlopen\b|\bhttp\.client\b|\bimport httpx\b"
    r"|\burllib3\.(PoolManager|request)\b|\bbuild_opener\b|\bimport aiohttp\b"
)


def test_calls_over_http_have_one_policy() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for room in (*ROOMS, "testkit", "demo")
        for path in sources(room)
        if str(path.relative_to(ROOT)) not in CALLERS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if CALLING.search(line)
    ]
    assert not found, "\n".join(found)


def test_only_connectors_name_a_labelling_tool() -> None:
    named = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for room in ("backend", "training")
        for path in sorted((ROOT / room).rglob("*"))
        if path.suffix in (".py", ".html", ".css", ".js", ".mako", ".ini", ".yaml", ".json")
        and str(path.relative_to(ROOT)) not in NAMED_AS_AN_EXAMPLE
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if TOOLS.search(line)
    ]
    assert not named, "\n".join(named)


def test_no_file_is_long() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for room in ROOMS
        for path in sources(room)
        if "versions" not in path.parts  # a migration is history: nobody edits it, so nobody suffers
    }
    too_long = {path: lines for path, lines in lengths.items() if lines > 300}
    assert not too_long
    written = [lines for path, lines in lengths.items() if not path.endswith("__init__.py")]
    assert statistics.median(written) < 150


def test_nothing_is_unpickled() -> None:
    found = []
    for room in ROOMS:
        for path in sources(room):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
                # Names and calls only: a comment that says why there is no pickle is welcome.
                if isinstance(node, ast.Import | ast.ImportFrom | ast.Attribute | ast.Name | ast.keyword):
                    code = node.arg or "" if isinstance(node, ast.keyword) else ast.unparse(node)
                    if UNPICKLING.search(code):
                        found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {code}")
    assert not found, "\n".join(found)


# A checkpoint's place is asked of the store, which may be no folder at all.
PATHS = re.compile(r"\bcheckpoints\.folder\b|\bsettings\.store\b|\bstore_folder\b|\bfolder / (row|champion|member)\b")


def test_nobody_but_the_store_builds_the_path_of_a_checkpoint() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for room in ("backend", "training")
        for path in sources(room)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if PATHS.search(line)
    ]
    assert not found, "\n".join(found)


def test_each_dependency_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    lines = text.splitlines()
    for requirement in project["dependencies"]:
        (line,) = [each for each in lines if each.strip().startswith(f'"{requirement}"')]
        assert re.search(r"# \S.{5}", line), f"why {requirement}?"


def test_every_package_is_in_the_wheel_under_one_name_of_ours() -> None:
    """A new folder works in a clone, and is missing from the wheel unless pyproject.toml names it."""
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = {path.parent.relative_to(ROOT) for room in ROOMS for path in sources(room)}
    assert set(setuptools["packages"]) == {".".join(("labelwheel", *folder.parts)) for folder in folders}
    assert setuptools["package-dir"] == {f"labelwheel.{room}": room for room in ROOMS}
    for folder in folders:
        assert (ROOT / folder / "__init__.py").is_file(), f"{folder} is no package"


def test_nobody_imports_by_a_name_that_is_not_installed() -> None:
    """`import backend` works in the root of a clone, and makes each module a second time."""
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line}"
        for room in (*ROOMS, "testkit", "demo", "benchmarks", "tests", "docs", "docker")
        for path in sources(room)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.match(rf"\s*(from|import) ({'|'.join(ROOMS)})\b", line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("module", ["cli", "app", "worker.main"])
def test_no_command_waits_for_what_it_does_not_need(module: str):
    heavy = ("torch", "transformers", "sklearn", "scipy.stats", "scipy.integrate", "optuna", "datasets")
    code = f"import sys, labelwheel.backend.{module}\nprint([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
