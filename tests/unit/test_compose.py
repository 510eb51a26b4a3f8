"""docker-compose.yaml is sound as far as that shows without a Docker engine."""

from __future__ import annotations

import base64
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.cli import cli_parser
from airflow.configuration import conf
from airflow.providers_manager import ProvidersManager

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "include/docker/Dockerfile").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")

AIRFLOW_SERVICES = {"init", "api-server", "scheduler", "dag-processor", "triggerer", "worker"}
#: Settings that .env.example names and leaves out.
COMMENTED = set(re.findall(r"^# (AIRFLOW_\w+)=", EXAMPLE, re.MULTILINE))
ONCE = {"init", "demo-warehouse"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(TEXT)["services"]
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the compose file and a `.env` made by the command that .env.example gives."""
    shutil.copy(ROOT / "docker-compose.yaml", tmp_path)
    shutil.copy(ROOT / ".env.example", tmp_path)
    (line,) = [line for line in EXAMPLE.splitlines() if "python3 -c" in line]
    command = line.lstrip("# ").replace("python3", sys.executable, 1)
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True)
    return tmp_path


def env_of(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def commands_of(services: dict[str, Any]) -> list[list[str]]:
    """Every command of services, health checks and the image, a line of a script each."""
    found = []
    for service in services.values():
        for command in (service.get("command", []), service.get("healthcheck", {}).get("test", [])):
            words = command[1:] if command[:1] in (["CMD"], ["CMD-SHELL"]) else command
            script = words[-1] if words[:1] == ["bash"] or command[:1] == ["CMD-SHELL"] else shlex.join(words)
            found += [shlex.split(part, comments=True) for part in re.split(r"\n|\|\|", script.replace("\\\n", ""))]
    return [command for command in found if command]


def test_services_are_those_of_a_celery_stack_with_the_sandbox_behind_a_profile(services: dict[str, Any]) -> None:
    assert set(services) == AIRFLOW_SERVICES | {"postgres", "redis", "sandbox", "demo-warehouse"}
    assert {name for name, service in services.items() if service.get("profiles") == ["demo"]} == {
        "sandbox",
        "demo-warehouse",
    }
    assert services["worker"]["deploy"]["replicas"] == "${WORKERS:-2}"
    assert services["postgres"]["image"] == "postgres:16"


def test_what_stays_has_a_health_check_and_comes_back(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert ("healthcheck" in service) == (name not in ONCE), name
        assert service["restart"] == ("no" if name in ONCE else "unless-stopped"), name
        assert "mem_limit" in service or name == "init", name


def test_nothing_starts_before_the_schemas_are_there(services: dict[str, Any]) -> None:
    for name in AIRFLOW_SERVICES - {"init"}:
        assert services[name]["depends_on"]["init"] == {"condition": "service_completed_successfully"}, name
    script = services["init"]["command"][-1]
    assert script.index("airflow db migrate") < script.index("airflow pools") < script.index("leadsquared migrate")


def test_ports_are_open_to_this_host_alone(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_secret_is_in_the_file(services: dict[str, Any]) -> None:
    secret = re.compile(r"PASSWORD$|SECRET|KEY$|_CONN(_|$)")
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            assert not secret.search(variable) or "${" in str(value), f"{name}: {variable}"
    assert not re.search(r"://[^/\s:]+:[^$@/\s]+@", TEXT + DOCKERFILE)


def test_the_example_leaves_every_secret_empty_and_names_every_variable(project: Path) -> None:
    example = env_of(project / ".env.example")
    required = set(re.findall(r"\$\{(\w+):\?", TEXT))
    optional = set(re.findall(r"\$\{(\w+):-", TEXT)) - {"IMAGE_TAG"}
    assert {name for name, value in example.items() if value == ""} == required
    assert optional <= set(example) | COMMENTED


def test_the_examples_command_fills_in_every_secret_with_a_value_of_its_own(project: Path) -> None:
    example, made = env_of(project / ".env.example"), env_of(project / ".env")
    assert set(made) == set(example)
    secrets = [made[name] for name, value in example.items() if value == ""]
    assert len(set(secrets)) == len(secrets) == 5
    assert all(len(base64.urlsafe_b64decode(value)) == 32 for value in secrets)
    assert {name: made[name] for name, value in example.items() if value} == {k: v for k, v in example.items() if v}


def test_env_may_name_another_ledger_and_another_address(services: dict[str, Any]) -> None:
    names = {"AIRFLOW_CONN_FOLLOWUPS_LEDGER", "AIRFLOW__API__BASE_URL"}
    assert names == COMMENTED
    for service in AIRFLOW_SERVICES:
        environment = services[service]["environment"]
        assert all(environment[name].startswith(f"${{{name}:-") for name in names), service


def test_connections_can_be_tested_in_the_ui(services: dict[str, Any]) -> None:
    for service in AIRFLOW_SERVICES:
        assert services[service]["environment"]["AIRFLOW__CORE__TEST_CONNECTION"] == "Enabled"


def test_every_airflow_setting_exists(services: dict[str, Any]) -> None:
    ProvidersManager().initialize_providers_configuration()
    known = conf.configuration_description
    image = re.findall(r"(AIRFLOW__\w+)=", DOCKERFILE)
    names = {name for service in services.values() for name in service.get("environment", {})} | set(
        env_of(ROOT / ".env.example")
    )
    settings = [name.split("__") for name in (*names, *image) if name.startswith("AIRFLOW__")]
    assert len(settings) > 10
    unknown = [
        parts for parts in settings if parts[2].lower() not in known.get(parts[1].lower(), {}).get("options", {})
    ]
    assert unknown == []


def test_every_airflow_command_is_one(services: dict[str, Any]) -> None:
    commands = [command[1:] for command in commands_of(services) if command[0] == "airflow"]
    assert ["db", "migrate"] in commands
    assert ["celery", "worker"] in commands
    parser = cli_parser.get_parser()
    for command in commands:
        arguments = [word for word in command if word not in (">", "/dev/null", "2>&1")]
        assert callable(parser.parse_args(arguments).func)


def test_init_runs_the_commands_that_set_up_plain_processes(services: dict[str, Any]) -> None:
    setup = (ROOT / "include/demo/setup.sh").read_text(encoding="utf-8")
    plain = re.findall(r'^ *"\$\{bin\}((?:airflow" |python" -m)[^>|\n]+?)(?: 2?>.*)?$', setup, re.MULTILINE)
    expected = [shlex.split(line.replace('"', "", 1)) for line in plain]
    assert [command[:3] for command in expected] == [
        ["airflow", "db", "migrate"],
        ["airflow", "pools", "get"],
        ["airflow", "pools", "set"],
        ["python", "-m", "leadsquared"],
    ]
    found = [command[: command.index(">")] if ">" in command else command for command in commands_of(services)]
    assert [command for command in found if command in expected] == expected


def test_python_commands_name_modules_that_exist(services: dict[str, Any]) -> None:
    modules = {command[2] for command in commands_of(services) if command[:2] == ["python", "-m"]}
    assert modules == {"leadsquared", "sandbox", "sandbox.warehouse"}
    for module in modules:
        path = module.replace(".", "/")
        assert any((ROOT / folder / path / "__main__.py").is_file() for folder in ("include", "plugins")), module


def test_the_image_copies_what_exists_and_nothing_else_is_sent_to_its_build() -> None:
    copied = {source for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE) for source in line.split()[:-1]}
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert ignore[0] == "*"
    assert {line.removeprefix("!") for line in ignore if line.startswith("!")} == copied
    assert all((ROOT / source).exists() for source in copied)


def test_a_compose_client_reads_the_file(project: Path) -> None:
    client = _client()
    if client is None:
        pytest.skip("no `docker compose` client")
    done = subprocess.run([*client, "config", "--quiet"], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (project / ".env").write_text((project / ".env.example").read_text(encoding="utf-8"), encoding="utf-8")
    refused = subprocess.run([*client, "config", "--quiet"], cwd=project, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "make .env from .env.example" in refused.stderr


def _client() -> list[str] | None:
    docker = shutil.which("docker")
    if docker is None:
        return None
    found = subprocess.run([docker, "compose", "version"], capture_output=True, check=False)
    return [docker, "compose"] if found.returncode == 0 else None
