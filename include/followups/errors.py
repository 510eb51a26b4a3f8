"""Errors by what is to be done about them; Airflow's retry policy goes by these two alone.

PermanentError   trying again cannot help: a person must mend something
TransientError   may heal by itself: try again later, nothing was lost
"""

from __future__ import annotations


class PermanentError(Exception):
    """Trying again cannot help."""


class TransientError(Exception):
    """May heal by itself."""
