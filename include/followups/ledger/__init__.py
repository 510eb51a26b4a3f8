"""The ledger: every delivery's state, and the only place that may change it.

`planning` takes rows up, `sending` claims batches and records what became of them, `settling` ends what was left
unknown or accepted, `reading` counts and lists, `migrate` keeps the schema.
"""
