"""Plan a run: `decisions` says what to do with a row, `planner` does it, `batching` cuts calls and slices."""
