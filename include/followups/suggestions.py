"""What may have been meant by a name or an address that is not known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from followups.masking import mask_address

#: A near address is looked for so often in one run: it takes milliseconds, and a bad column may hold a million.
MAX_ADDRESSES = 200
NAMES_SHOWN = 10
#: Below this likeness a suggestion is a guess.
LIKENESS = 0.8
_MAX_LENGTH_APART = 2


def nearest(name: str, known: Collection[str], *, casing_alone: bool = False) -> str | None:
    """Return what may have been meant by a name.

    :param casing_alone: names such as mx_Custom_1 and mx_Custom_2 are alike and mean different things.
    """
    near = [each for each in known if each.casefold() == name.casefold()]
    if not near and not casing_alone:
        near = get_close_matches(name, known, n=1)
    return near[0] if near else None


def hint(name: str, known: Collection[str], announced: str, *, casing_alone: bool = False) -> str:
    """Return the end of a sentence: what may have been meant, else what there is."""
    near = nearest(name, known, casing_alone=casing_alone)
    if near is not None:
        return f"; did you mean {near!r}?"
    shown = sorted(known)[:NAMES_SHOWN]
    more = f" and {len(known) - len(shown)} more" if len(known) > len(shown) else ""
    return f"; {announced} {', '.join(shown) or 'none'}{more}"


class NearAddresses:
    """Finds the address that a wrong one may stand for; what it says is masked."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._domains: dict[str, list[str]] = defaultdict(list)
        self._names: dict[str, list[str]] = defaultdict(list)
        for address in addresses:
            name, _, domain = address.partition("@")
            self._domains[name].append(domain)
            self._names[domain].append(name)
        self._hints: dict[str, str] = {}

    def hint(self, address: str) -> str:
        """Return the end of a sentence such as `; did you mean an…r@example.com …?`; empty where nothing is near."""
        if address not in self._hints:
            if len(self._hints) >= MAX_ADDRESSES:
                return ""
            self._hints[address] = self._find(address)
        return self._hints[address]

    def _find(self, address: str) -> str:
        name, _, domain = address.partition("@")
        others = get_close_matches(domain, self._domains.get(name, ()), n=1, cutoff=0)
        if others:
            return f"; did you mean {mask_address(f'{name}@{others[0]}')} (the part after the @ differs)?"
        alike = [each for each in self._names.get(domain, ()) if _may_be_alike(name, each)]
        close = get_close_matches(name, alike, n=1, cutoff=LIKENESS)
        return (
            f"; did you mean {mask_address(f'{close[0]}@{domain}')} (the part before the @ differs)?" if close else ""
        )


def _may_be_alike(name: str, other: str) -> bool:
    """Rule out most names cheaply."""
    near = abs(len(name) - len(other)) <= _MAX_LENGTH_APART
    return near and (name[:1] == other[:1] or name[-3:] == other[-3:])
