"""The public names of Python: signatures, keywords, attributes and members."""

import inspect
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import ffprep
from ffprep.options import keywords

_PAGE = Path(__file__).parents[2] / "docs/guide/python.md"
_TEXT, *_BLOCKS = re.split(r"^```", _PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
_CODE = [*_BLOCKS[::2], *re.findall(r"`([^`]+)`", " ".join([_TEXT, *_BLOCKS[1::2]]))]
_DOCUMENTED = {word for code in _CODE for word in re.findall(r"[a-z]\w*", code)}
"""Words that the page for users has in code: other members are internal."""

_CONSTRUCTED = ("Preprocessor", "Size")
"""Classes that users call."""

_KEYWORDS = (
    keywords.Options,
    keywords.RunOptions,
    keywords.CheckOptions,
    keywords.InfoOptions,
    keywords.CompareOptions,
)


def lines() -> Iterator[str]:
    """Yield a line for each public name, its members and its parameters."""
    for name in ffprep.__all__:
        value = getattr(ffprep, name)
        if inspect.isclass(value):
            yield from _class(f"ffprep.{name}", value)
        elif callable(value):
            yield f"ffprep.{name}{_signature(value)}"
        else:
            yield f"ffprep.{name}"
    yield from (f"ffprep.{old} = ffprep.{new}" for old, new in ffprep._RENAMED.items())
    for options in _KEYWORDS:
        for keyword, kind in inspect.get_annotations(options).items():
            yield f"keyword of {options.__name__}: {keyword}: {_type(kind)}"


def _type(annotation: Any) -> str:
    """Return the text of a type without the names of modules."""
    return re.sub(r"\b(?:\w+\.)+(?=[A-Za-z])", "", inspect.formatannotation(annotation))


def _class(name: str, kind: type) -> Iterator[str]:
    bases = ", ".join(base.__name__ for base in kind.__bases__ if base is not object)
    yield f"{name}({bases})" if bases else name
    if issubclass(kind, Enum):
        yield from (f"{name}.{member.name} = {member.value}" for member in kind)
        return
    if kind.__name__ in _CONSTRUCTED:
        yield f"{name}{_signature(kind)}"
    for member in sorted({*vars(kind), *inspect.get_annotations(kind)} & _DOCUMENTED):
        value = inspect.getattr_static(kind, member, None)
        is_method = inspect.isroutine(value)
        yield f"{name}.{member}{_signature(getattr(kind, member)) if is_method else ''}"


def _signature(value: Any) -> str:
    """Return the parameters of a function or method, with their defaults and without types."""
    signature = inspect.signature(value)
    empty = inspect.Parameter.empty
    bare = [each.replace(annotation=empty) for each in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=empty))
