"""The environment variables under which Airflow runs this project; `make env` prints them.

What is already set wins, so that `AIRFLOW_CONN_*` alone points the project at another warehouse, ledger or LeadSquared.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SANDBOX_PORT = 9321


def defaults(home: Path, sandbox_url: str = f"http://127.0.0.1:{SANDBOX_PORT}") -> dict[str, str]:
    """Return every variable with the value it has on a machine that sets none."""
    leadsquared = {
        "conn_type": "leadsquared",
        "host": sandbox_url,
        "login": "demo-access-key",
        "password": "demo-secret-key",
        "extra": {"settle_seconds": 6},
    }
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # With the default 32 a hundred mapped tasks on SQLite lock each other out: see include/docs/decisions.md.
        "AIRFLOW__CORE__PARALLELISM": "8",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE": "40",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata_url(home),
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW_CONN_WAREHOUSE_DEFAULT": json.dumps({"conn_type": "duckdb", "host": str(home / "warehouse.duckdb")}),
        "AIRFLOW_CONN_FOLLOWUPS_LEDGER": json.dumps({"conn_type": "sqlite", "host": str(home / "ledger.db")}),
        "AIRFLOW_CONN_LEADSQUARED_DEFAULT": json.dumps(leadsquared),
    }


def metadata_url(home: Path) -> str:
    """Return Airflow's own database in `home`; its parts wait for one another longer than by default."""
    return f"sqlite:///{home / 'airflow.db'}?timeout=30"


def import_path(given: str | None) -> str:
    """Return PYTHONPATH with the project's two import roots in front of what is given."""
    ours = [str(ROOT / "include"), str(ROOT / "plugins")]
    others = [part for part in (given or "").split(os.pathsep) if part and part not in ours]
    return os.pathsep.join([*ours, *others])


def search_path(given: str | None) -> str:
    """Return PATH with the project's commands, `airflow` above all, in front of what is given."""
    ours = str(ROOT / ".venv" / "bin")
    others = [part for part in (given or os.defpath).split(os.pathsep) if part != ours]
    return os.pathsep.join([ours, *others])


def missing(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the variables to add to an environment."""
    added = {name: value for name, value in defaults(home).items() if name not in environment}
    paths = {
        "PYTHONPATH": import_path(environment.get("PYTHONPATH")),
        "PATH": search_path(environment.get("PATH")),
    }
    return added | {name: value for name, value in paths.items() if environment.get(name) != value}


def main() -> None:
    """Print `export` lines for a shell."""
    home = Path(os.environ.get("AIRFLOW_HOME", ROOT / ".airflow"))
    for name, value in missing(os.environ, home).items():
        print(f"export {name}={shlex.quote(value)}")  # noqa: T201


if __name__ == "__main__":
    main()
