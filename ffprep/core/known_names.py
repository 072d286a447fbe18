"""Names that a user wrote, among those that exist: in any case, or mistyped."""

from collections.abc import Iterable

_ALIKE = 0.78
"""How alike two names are, by difflib, of which one is meant by the other."""


def known_as(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was written, or the only one that differs in case alone."""
    names = list(known)
    if name in names:
        return name
    found = [each for each in names if each.casefold() == name.casefold()]
    return found[0] if len(found) == 1 else None


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that a mistyped one is most like; "" if it is like none."""
    from difflib import get_close_matches

    names, word = {each.casefold(): each for each in known}, name.casefold()
    swapped = (each for each in names if sorted(each) == sorted(word))
    return names.get(next(iter(get_close_matches(word, names, 1, _ALIKE)), next(swapped, "")), "")


def unknown(what: str, name: str, known: Iterable[str], others: Iterable[str] = ()) -> str:
    """Return the error for an unknown name: what was probably meant, or else all that exist.

    `others` are further names that may be meant.
    """
    names = list(known)
    if near := nearest(name, [*names, *others]):
        return f"unknown {what} {name!r}; did you mean {near!r}?"
    return f"unknown {what} {name!r}; the {what}s are: {', '.join(names)}"
