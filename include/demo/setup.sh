#!/usr/bin/env bash
# Airflow's metadata, the pool, the ledger's schema: everything a stack needs before its first process.
# The compose file's init step runs the same commands.
set -euo pipefail
bin=${1:+$1/}
log="$AIRFLOW_HOME/setup.log"
mkdir -p "$AIRFLOW_HOME"

# What was prepared before, in files of this home, is not prepared again: starting airflow three times takes a while.
known=$(cat requirements.txt include/followups/ledger/migrations/versions/*.py | cksum)
done_before() { [ "$(cat "$AIRFLOW_HOME/.prepared" 2>/dev/null)" = "$known" ]; }
own_metadata() { [[ "$AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" == *"$AIRFLOW_HOME/airflow.db"* ]] && [ -s "$AIRFLOW_HOME/airflow.db" ]; }
has_pool() {
    "${bin}python" -c 'import sqlite3, sys; sys.exit(not sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchall())' \
        "$AIRFLOW_HOME/airflow.db" "SELECT 1 FROM slot_pool WHERE pool = 'leadsquared'" 2>/dev/null
}
own_ledger() { [[ "$AIRFLOW_CONN_FOLLOWUPS_LEDGER" == *"$AIRFLOW_HOME/ledger.db"* ]] && [ -s "$AIRFLOW_HOME/ledger.db" ]; }

if done_before && own_metadata && has_pool && own_ledger; then exit 0; fi
{
    "${bin}airflow" db migrate
    # A pool that is there has a size that somebody may have chosen.
    "${bin}airflow" pools get leadsquared >/dev/null 2>&1 ||
        "${bin}airflow" pools set leadsquared 16 "Concurrency of calls to LeadSquared; the rate is kept by the ledger"
} >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
"${bin}python" -m leadsquared migrate
echo "$known" >"$AIRFLOW_HOME/.prepared"
