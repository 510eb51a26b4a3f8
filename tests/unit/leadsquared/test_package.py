"""The package loads without Airflow, and Airflow finds the connection type without loading the package's hook."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from airflow.providers_manager import ProvidersManager

import leadsquared
from leadsquared.connection import RateSettings
from leadsquared.provider import get_provider_info

PURE = [
    "addresses",
    "changer",
    "changes",
    "connection",
    "errors",
    "provider",
    "sightings",
    "transport",
    "waiting",
    *(f"wire.{path.stem}" for path in (Path(leadsquared.__file__).parent / "wire").glob("[a-z]*.py")),
]


def run(code: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path.endswith(("include", "plugins")))},
    )
    return ended.stdout.strip()


def test_neither_the_package_nor_its_pure_modules_load_airflow() -> None:
    modules = ", ".join(f"leadsquared.{name}" for name in PURE)
    assert run(f"import sys, leadsquared, {modules}; print('airflow' in sys.modules)") == "False"


def test_importing_the_package_loads_nothing_else_of_it() -> None:
    code = "import sys, leadsquared; print([name for name in sys.modules if name.startswith('leadsquared.')])"
    assert run(code) == "[]"


def test_the_hook_can_be_imported_from_the_package() -> None:
    from leadsquared.hook import LeadSquaredHook

    assert leadsquared.LeadSquaredHook is LeadSquaredHook


def test_what_a_task_loads_leaves_async_http_alone() -> None:
    """It would double the time that a task takes to begin."""
    code = "import leadsquared.work.send, leadsquared.work.verify, leadsquared.work.plan, sys"
    assert run(f"{code}; print('aiohttp' in sys.modules)").endswith("False")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = leadsquared.nothing_of_the_kind


def test_the_provider_info_satisfies_airflows_schema() -> None:
    manager = ProvidersManager()
    manager._provider_schema_validator.validate(get_provider_info())


def test_the_form_has_a_field_for_every_setting_with_its_default() -> None:
    (connection_type,) = get_provider_info()["connection-types"]
    fields = connection_type["conn-fields"]
    assert set(fields) == set(RateSettings.model_fields)
    for name, field in RateSettings.model_fields.items():
        assert fields[name]["schema"].get("default") == field.default, name
        assert fields[name]["description"], name


def test_the_provider_names_a_hook_that_exists() -> None:
    from importlib import import_module

    (connection_type,) = get_provider_info()["connection-types"]
    module, _, name = connection_type["hook-class-name"].rpartition(".")
    hook = getattr(import_module(module), name)
    assert hook.conn_type == connection_type["connection-type"]
    assert hook.hook_name == connection_type["hook-name"]


def test_the_plugin_loader_does_not_run_the_packages_files() -> None:
    ignored = (Path(leadsquared.__file__).parents[1] / ".airflowignore").read_text()
    assert "leadsquared/" in ignored.splitlines()
