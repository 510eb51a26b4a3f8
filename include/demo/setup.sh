#!/usr/bin/env bash
# Airflow's metadata, the pool, the ledger's schema: everything a stack needs before its first process.
# The compose file's init step runs the same three commands.
set -euo pipefail
bin=${1:+$1/}
mkdir -p "$AIRFLOW_HOME"
"${bin}airflow" db migrate >"$AIRFLOW_HOME/setup.log" 2>&1 || { cat "$AIRFLOW_HOME/setup.log" >&2; exit 1; }
"${bin}airflow" pools set leadsquared 16 "Concurrency of calls to LeadSquared; the rate is kept by the ledger" >>"$AIRFLOW_HOME/setup.log" 2>&1
"${bin}python" -m leadsquared migrate
