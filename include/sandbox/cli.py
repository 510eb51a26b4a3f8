"""The command line: `python -m sandbox`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sandbox.directory import load_directory
from sandbox.settings import Settings, changed

_LEVELS = ("critical", "error", "warning", "info", "debug")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server. Returns the exit status: 0 after a stop, 2 for wrong arguments or switches."""
    given = _parser().parse_args(arguments)
    try:
        settings = read_settings(given.config, given.set, given.fault)
        directory = load_directory(given.directory)
    except (ValueError, OSError, KeyError, TypeError, yaml.YAMLError) as error:
        sys.stderr.write(f"sandbox: {explain(error)}\n")
        return 2
    from sandbox.server import bind, serve  # noqa: PLC0415 - wrong switches are told before the slow imports
    from sandbox.state import Sandbox  # noqa: PLC0415

    try:
        listener = bind(given.host, given.port)
    except OSError as error:
        sys.stderr.write(f"sandbox: cannot listen on {given.host}:{given.port}: {error.strerror}\n")
        return 2
    with listener:
        serve(
            Sandbox(settings, directory),
            listener,
            port_file=given.port_file,
            log_level=given.log_level,
            with_stdin=given.stop_with_stdin,
        )
    return 0


def read_settings(config: Path | None, pairs: Sequence[str], faults: Sequence[str] = ()) -> Settings:
    """Switches from a YAML or JSON file, then from `key=value` pairs, which win, then fault rules, which are added.

    Raises ValueError (also as `pydantic.ValidationError`) or OSError.
    """
    settings = Settings()
    if config is not None:
        content = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
        if not isinstance(content, dict):
            raise ValueError(f"{config}: a mapping of switches was expected")
        settings = changed(settings, content)
    changes: dict[str, Any] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign:
            raise ValueError(f"--set {pair}: write it as switch=value")
        changes[key.strip()] = yaml.safe_load(value)
    settings = changed(settings, changes)
    return changed(settings, {"faults": [*settings.faults, *faults]}) if faults else settings


def explain(error: Exception) -> str:
    """An error in words for the terminal, without values, which may be keys."""
    if isinstance(error, ValidationError):
        details = error.errors(include_url=False, include_input=False, include_context=False)
        lines = [f"{'.'.join(map(str, item['loc']))}: {item['msg'].removeprefix('Value error, ')}" for item in details]
        return "wrong switches\n  " + "\n  ".join(lines)
    return str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A LeadSquared look-alike server.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, default=9321, help="port to listen on, 0 for a free one (default: 9321)")
    parser.add_argument("--config", type=Path, help="YAML or JSON file of switches")
    parser.add_argument("--set", action="append", default=[], metavar="SWITCH=VALUE", help="a switch; may be repeated")
    parser.add_argument("--fault", action="append", default=[], metavar="RULE", help="a fault rule; may be repeated")
    parser.add_argument("--directory", type=Path, help="JSON file of users and task types instead of the shipped ones")
    parser.add_argument("--port-file", type=Path, help="file that the port is written to once the server is ready")
    parser.add_argument("--log-level", choices=_LEVELS, default="warning")
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input ends")
    return parser
