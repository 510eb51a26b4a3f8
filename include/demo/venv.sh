#!/usr/bin/env bash
# Make .venv with the given Python, or say in one line what is missing.
set -euo pipefail
python=$1
wanted=$(sed -n 's/^requires-python = "\(.*\)"$/\1/p' pyproject.toml)
another="or name another, as in: make setup PYTHON=python3.11"
fail() { echo "$1" >&2; exit 1; }

command -v "$python" >/dev/null ||
    fail "There is no $python here, and Python $wanted is needed: install it, $another"
"$python" -c 'import re, sys
low, high = [tuple(map(int, version.split("."))) for version in re.findall(r"\d+\.\d+", sys.argv[1])]
sys.exit(not low <= sys.version_info[:2] < high)' "$wanted" ||
    fail "Python $wanted is needed and $python is $("$python" -V 2>&1): install one, $another"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python cannot make virtual environments: install its venv module (on Debian: apt install python3-venv), $another"
"$python" -m venv .venv
