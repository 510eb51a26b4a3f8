"""Show whom something is about to those who know them anyway, and to nobody else."""

from __future__ import annotations


def mask_address(address: str) -> str:
    """Return an address that its own people recognise and others do not."""
    name, _, domain = address.partition("@")
    return f"{name[:2]}…{name[-1:]}@{domain}"
