"""Dockerfile, compose files and scripts, as far as they can be judged without an engine (see `make compose-check`)."""

from __future__ import annotations

import contextlib
import http.server
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

ROOT = Path(__file__).parent.parent
SCRIPTS = Path(sysconfig.get_path("scripts"))
DOCKERFILES = sorted([ROOT / "Dockerfile", *(ROOT / "docker").rglob("Dockerfile")])
COMPOSE_FILES = sorted(ROOT.glob("docker-compose*.yml"))
SHELL_SCRIPTS = sorted(
    [*(ROOT / "docker").rglob("*.sh"), ROOT / ".ci" / "run", ROOT / ".ci" / "system", ROOT / ".ci" / "kubectl"]
)
SECRET = re.compile(r"TOKEN|PASSWORD|SECRET|API_KEY")


def run(*command: str | Path, **arguments: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(each) for each in command], capture_output=True, text=True, timeout=60, **arguments)


def compose(name: str = "docker-compose.yml") -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_hadolint_has_nothing_to_say(path: Path) -> None:
    found = run(SCRIPTS / "hadolint", "--no-color", path)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("path", COMPOSE_FILES, ids=lambda path: path.name)
def test_compose_files_follow_the_specification(path: Path) -> None:
    found = run(SCRIPTS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", path)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("path", COMPOSE_FILES, ids=lambda path: path.name)
def test_compose_files_are_for_old_programs_too(path: Path) -> None:
    """docker-compose 1.29, which Debian has, refuses these keys; docker compose 2 does not need them."""
    assert not {"name", "version", "include"} & set(compose(path.name))


@pytest.mark.parametrize("path", SHELL_SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_scripts_parse_and_can_be_run(path: Path) -> None:
    shell = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("#!").split()[-1]
    assert run(shell, "-n", path).returncode == 0
    assert os.access(path, os.X_OK)


def environments() -> Iterator[tuple[str, str, str]]:
    for path in COMPOSE_FILES:
        for name, service in compose(path.name).get("services", {}).items():
            for variable, value in (service.get("environment") or {}).items():
                yield f"{path.name}: {name}", variable, str(value)


def test_no_secret_stands_in_the_compose_files() -> None:
    found = [(service, variable, value) for service, variable, value in environments() if SECRET.search(variable)]
    assert found
    for service, variable, value in found:
        assert re.fullmatch(r"\$\{[A-Z_]+(:\?.+|-)\}", value), f"{service}: {variable} is {value}"


def test_a_url_never_carries_a_password() -> None:
    for service, variable, value in environments():
        assert not re.search(r"://[^/@\s]+:[^/@\s]+@", value), f"{service}: {variable}"


def test_no_secret_stands_in_the_images() -> None:
    for path in DOCKERFILES:
        for line in path.read_text(encoding="utf-8").splitlines():
            named = re.match(r"\s*(?:ARG|ENV)\s+(\w+)", line)
            assert not (named and SECRET.search(named[1])), f"{path.relative_to(ROOT)}: {line}"
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert next(line for line in ignored if line and not line.startswith("#")) == "*"
    assert not any(re.match(r"!.*\.env|!\.$|!\*", line) for line in ignored)


def test_the_image_is_not_root_and_says_how_it_is() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users
    assert users[-1].split(":")[0].isdecimal(), "a number, so that Kubernetes can tell that it is not root"
    assert int(users[-1].split(":")[0]) > 0
    assert any(line.startswith("HEALTHCHECK ") for line in lines)
    assert not any(line.lower().startswith("# syntax=") for line in lines)


def test_every_module_can_be_imported_as_the_image_is_built() -> None:
    """Else there is no image; one that needs an extra says so by MissingExtra."""
    done = subprocess.run(
        [sys.executable, "-P", ROOT / "docker" / "import_all.py"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    named = re.findall(r"docker/[\w.-]+", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert {f"!{each}" for each in named} <= set(ignored)


def test_only_this_machine_gets_in_and_the_database_is_not_published() -> None:
    services = compose()["services"]
    for name in ("postgres", "argilla-elasticsearch", "argilla-redis"):
        assert "ports" not in services[name]
    for name in ("web", "label-studio", "argilla"):
        for port in services[name]["ports"]:
            assert ":-127.0.0.1:" in port, f"{name}: {port}"


def test_services_wait_for_what_they_need_and_come_back() -> None:
    services = compose()["services"]
    argilla = {"argilla", "argilla-worker", "argilla-elasticsearch", "argilla-redis"}
    assert set(services) == {"web", "worker", "label-studio", "postgres"} | argilla
    for name, service in services.items():
        assert service.get("profiles") == (["argilla"] if name in argilla else None), name
    waits = {"web": "postgres", "worker": "web", "label-studio": "postgres", "argilla-worker": "argilla"}
    waits |= {"argilla": "argilla-redis"}
    for name, needs in waits.items():
        assert services[name]["depends_on"][needs]["condition"] == "service_healthy"
    for name, service in services.items():
        assert service["restart"] == "unless-stopped", name
    assert services["web"]["volumes"] == services["worker"]["volumes"]


def test_label_studio_can_register_a_webhook() -> None:
    """It refuses host names without a dot as "not a valid URL", as found by bringing it up."""
    web = compose()["services"]["web"]
    host = urlsplit(web["environment"]["LABELWHEEL_PUBLIC_URL"]).hostname or ""
    assert "." in host
    assert host in web["networks"]["default"]["aliases"]


def test_the_version_of_label_studio_is_the_one_that_the_tests_run() -> None:
    image = compose()["services"]["label-studio"]["image"]
    pinned = re.search(r"^label-studio==(\S+)$", (ROOT / "requirements-label-studio.txt").read_text(), re.MULTILINE)
    assert pinned
    assert image.endswith(f":{pinned[1]}")


def test_the_version_of_argilla_is_the_one_that_the_tests_run() -> None:
    services = compose()["services"]
    pinned = re.search(r"^argilla-server==(\S+)$", (ROOT / "requirements-argilla.txt").read_text(), re.MULTILINE)
    assert pinned
    for name in ("argilla", "argilla-worker"):
        assert services[name]["image"].endswith(f":v{pinned[1]}")


def test_each_secret_is_in_the_example() -> None:
    needed = set(re.findall(r"\$\{([A-Z_]+)(?::\?|-\})", (ROOT / "docker-compose.yml").read_text(encoding="utf-8")))
    example = set(re.findall(r"^([A-Z_]+)=", (ROOT / "docker" / "example.env").read_text(), re.MULTILINE))
    assert needed == example


def test_written_secrets_are_fresh_private_and_kept(tmp_path: Path) -> None:
    one, other = tmp_path / "one.env", tmp_path / "other.env"
    for path in (one, other):
        assert run(ROOT / "docker" / "write-env.sh", path).returncode == 0
    values = [dict(re.findall(r"^([A-Z_]+)=(.*)$", path.read_text(), re.MULTILINE)) for path in (one, other)]
    for variable in values[0]:
        assert values[0][variable], f"{variable} is empty"
        if SECRET.search(variable):
            assert values[0][variable] != values[1][variable]
            assert len(values[0][variable]) >= 32
    assert one.stat().st_mode & 0o077 == 0
    before = one.read_text()
    assert "stays as it is" in run(ROOT / "docker" / "write-env.sh", one).stdout
    assert one.read_text() == before
    assert sorted(tmp_path.iterdir()) == [one, other]


def entry(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return run("sh", ROOT / "docker" / "entrypoint.sh", *command, env={"PATH": os.environ["PATH"], **environment})


def test_secrets_can_be_handed_over_as_files(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("a token with 'quotes' and $(echo nothing run)\n")
    done = entry({"LABELWHEEL_TOKEN_FILE": str(secret)}, "printenv", "LABELWHEEL_TOKEN")
    assert done.stdout == secret.read_text()
    assert "LABELWHEEL_TOKEN_FILE" not in entry({"LABELWHEEL_TOKEN_FILE": str(secret)}, "printenv").stdout
    gone = entry({"PGPASSWORD_FILE": str(tmp_path / "nothing")}, "true")
    assert gone.returncode == 2
    assert "PGPASSWORD_FILE" in gone.stderr
    assert entry({}, "sh", "-c", "exit 7").returncode == 7


class _Health(http.server.BaseHTTPRequestHandler):
    alive = True

    def do_GET(self) -> None:
        self.send_response(200 if self.alive and self.path == "/live" else 503)
        self.end_headers()
        self.wfile.write(b'{"status": "live"}')

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def answering() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield str(server.server_address[1])
        server.shutdown()


def check(**environment: str) -> int:
    return run(sys.executable, "-I", ROOT / "docker" / "healthcheck.py", env=environment).returncode


def test_the_health_check_asks_the_service_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering() as port:
        assert check(LABELWHEEL_PORT=port) == 0
        assert check(LABELWHEEL_PORT=port, http_proxy="http://127.0.0.1:9") == 0
        monkeypatch.setattr(_Health, "alive", False)
        assert check(LABELWHEEL_PORT=port) == 1
    assert check(LABELWHEEL_PORT=port) == 1, "nobody listens any more"


def test_make_prints_its_targets_and_stays_out_of_the_way() -> None:
    assert shutil.which("make"), "make is how everything here is started"
    listed = run("make", "--no-print-directory", cwd=ROOT)
    assert listed.returncode == 0
    for target in ("demo", "test", "lint", "bench-NAME", "compose-check", "clean"):
        assert f"make {target} " in listed.stdout
