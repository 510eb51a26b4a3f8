"""The demo warehouse: realistic follow-ups of Indian lenders and colleges, a known few of them wrong on purpose.

texts      what people write: names, places, subjects, notes
rows       good rows, spread over days, owners and task types
faults     the ways a row can be wrong or odd, each by name
databases  bulk loading into DuckDB or PostgreSQL
seeding    all of it together; `python -m sandbox.warehouse` on the command line
"""
