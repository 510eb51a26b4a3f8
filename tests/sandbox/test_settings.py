"""Switches: by command line, by file, at run time."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from sandbox.cli import main, read_settings
from sandbox.fault_rules import FaultRule
from sandbox.operations import OPERATIONS
from sandbox.settings import RateSettings, Settings, changed
from sandbox.testing import RunningSandbox, SandboxError, running
from tests.sandbox.conftest import KEYS, Api, row

INCLUDE = Path(__file__).parents[2] / "include"


def test_switches_come_from_pairs_in_dotted_form() -> None:
    pairs = ["rate.normal=10 / 5 s", "rate.window=fixed", "rate.daily=off", "rate_limit_style=http200_error_body"]
    settings = read_settings(None, [*pairs, "retry_after=off", "access_key=12345", "hide_types=Meeting,Phone Call"])
    assert (settings.rate.normal.calls, settings.rate.normal.seconds) == (10, 5)
    assert (settings.rate.window, settings.rate.daily, settings.retry_after) == ("fixed", None, "off")
    assert settings.access_key.get_secret_value() == "12345"
    assert settings.hide_types == ("Meeting", "Phone Call")
    assert settings.rate.bulk == Settings().rate.bulk


def test_pairs_win_over_the_file_and_faults_are_added(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.yaml"
    file.write_text(
        "rate:\n  normal: 10/5\nbulk_delay_ms: 7\nfaults:\n  - kind: 502\n    calls: [1]\n  - hang max_times=1\n"
    )
    settings = read_settings(file, ["bulk_delay_ms=9"], ["reset probability=0.5"])
    assert (settings.rate.normal.calls, settings.bulk_delay_ms) == (10, 9)
    assert [rule.kind for rule in settings.faults] == ["502", "hang", "reset"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "rate.normal=fast"], "rate.normal: write it as calls/seconds"),
        (["--set", "rate.norml=1/5"], "rate.norml: Extra inputs are not permitted"),
        (["--set", "bulk_mode=often"], "bulk_mode: Input should be 'async', 'sync' or 'never'"),
        (["--set", "seed"], "write it as switch=value"),
        (["--set", "rate.daily_reset_tz=Mars"], "no such time zone"),
        (["--set", "marker_pattern=ref"], "exactly one group"),
        (["--fault", "explode"], "faults.0"),
        (["--config", "/nowhere/sandbox.yaml"], "No such file"),
        (["--set", "secret_key=[hidden-value]"], "secret_key"),
    ],
)
def test_a_wrong_switch_is_told_by_name_and_ends_with_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert words in told
    assert "hidden-value" not in told


def test_a_change_at_run_time_is_all_or_nothing(api: Api) -> None:
    url = f"{api.sandbox.url}/_sandbox/settings"
    reply = requests.patch(url, json={"bulk_delay_ms": 5, "rate": {"normal": "x"}, "colour": "red"}, timeout=5)
    assert reply.status_code == 422
    assert {item["switch"] for item in reply.json()["errors"]} == {"rate.normal", "colour"}
    assert requests.get(url, timeout=5).json()["bulk_delay_ms"] == 0
    assert requests.patch(url, json={"rate": {"normal": "7/3"}}, timeout=5).json()["rate"]["normal"] == "7/3"


def test_new_keys_hold_at_once_and_stay_hidden(api: Api) -> None:
    api.sandbox.set(access_key="another-key")
    assert api.get("Task.svc/RetrieveTaskType").status_code == 401
    api.session.headers["x-LSQ-AccessKey"] = "another-key"
    assert api.get("Task.svc/RetrieveTaskType").status_code == 200


def test_what_settings_show_can_be_set_again() -> None:
    shown = Settings().model_dump(mode="json", exclude={"access_key", "secret_key"})
    assert changed(Settings(), shown) == Settings()


def test_a_wrong_switch_stops_a_sandbox_for_tests_with_the_reason() -> None:
    with pytest.raises(SandboxError, match="bulk_mode"), running({"bulk_mode": "often"}):
        pass


def test_settings_as_an_object_keep_their_keys() -> None:
    with running(changed(Settings(), {"secret_key": "s3", "rate.normal": "9/1"})) as sandbox:
        headers = {**KEYS, "x-LSQ-SecretKey": "s3"}
        assert (
            requests.get(f"{sandbox.url}/v2/Task.svc/RetrieveTaskType", headers=headers, timeout=5).status_code == 200
        )


@pytest.fixture
def served(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--port-file", str(tmp_path / "port"), "--fault", "hang"]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(INCLUDE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def test_the_server_says_where_it_is_and_stops_soon_despite_a_hanging_request(
    served: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert served.stdout is not None
    line = served.stdout.readline()
    port = int((tmp_path / "port").read_text())
    assert line == f"LeadSquared sandbox on http://127.0.0.1:{port}\n"
    with socket.create_connection(("127.0.0.1", port), timeout=5) as hanging:
        keys = "".join(f"{name}: {value}\r\n" for name, value in KEYS.items())
        hanging.sendall(
            f"POST /v2/Task.svc/Bulk/Create HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n{keys}\r\n{{}}".encode()
        )
        while not requests.get(f"http://127.0.0.1:{port}/_sandbox/calls", timeout=5).json()["calls"]:
            time.sleep(0.02)
        began = time.monotonic()
        served.send_signal(signal.SIGTERM)
        _, errors = served.communicate(timeout=5)
    assert time.monotonic() - began < 2
    assert (served.returncode, errors) == (0, "")


def test_a_taken_port_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--port", str(taken.getsockname()[1])]) == 2
    assert "cannot listen on 127.0.0.1" in capsys.readouterr().err


def test_it_ends_with_the_process_that_started_it() -> None:
    with running() as sandbox:
        assert sandbox.process.stdin is not None
        sandbox.process.stdin.close()
        assert sandbox.process.wait(5) == 0


def test_it_ends_soon_and_well_with_the_block() -> None:
    with running() as sandbox:
        began = time.monotonic()
    assert time.monotonic() - began < 1
    assert sandbox.process.returncode == 0


def test_it_imports_neither_airflow_nor_the_product() -> None:
    program = (
        "import sys, sandbox.server, sandbox.testing, sandbox.cli\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('airflow', 'followups', 'leadsquared')])"
    )
    environment = {**os.environ, "PYTHONPATH": str(INCLUDE)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_is_served_whole_and_asks_no_other_host(sandbox: RunningSandbox) -> None:
    reply = requests.get(f"{sandbox.url}/", timeout=5)
    assert reply.headers["Content-Type"].startswith("text/html")
    assert "LeadSquared sandbox" in reply.text
    assert "innerHTML" not in reply.text
    for outside in ('src="http', 'href="http', "@import", "url(http"):
        assert outside not in reply.text


def test_what_the_page_asks_for_is_there(api: Api) -> None:
    api.create_in_bulk(row(Name="<b>'\"&"))
    page = requests.get(f"{api.sandbox.url}/", timeout=5).text
    for path in ("audit", "tasks/newest", "calls", "settings", "settings/schema", "settings/defaults", "faults"):
        assert f"/{path}" in page
        assert requests.get(f"{api.sandbox.url}/_sandbox/{path}", timeout=5).status_code == 200


def test_the_openapi_document_lists_every_operation(api: Api) -> None:
    document = requests.get(f"{api.sandbox.url}/openapi.json", timeout=5).json()
    operations = [path for path in document["paths"] if path.startswith("/v2/")]
    assert sorted(operations) == sorted(operation.path for operation in OPERATIONS)
    for path in operations:
        for method, described in document["paths"][path].items():
            assert ("requestBody" in described) == (method == "post"), path


def test_every_switch_and_fault_is_documented() -> None:
    text = (INCLUDE / "docs" / "sandbox.md").read_text()
    kinds = FaultRule.model_json_schema()["properties"]["kind"]["enum"]
    conditions = set(FaultRule.model_fields) - {"kind"}
    switches = set(Settings.model_fields) - {"rate", "max_len"} | {f"rate.{name}" for name in RateSettings.model_fields}
    assert [name for name in sorted({*switches, *kinds, *conditions}) if name not in text] == []
