"""Record: the base class of frozen types.

`class Size(Record)` means what `@dataclass(frozen=True, slots=True)` means: the annotations are the
fields. `dataclasses` compiles seven methods for each class when it is imported, which takes 1.1 ms;
here only `__init__` is compiled, when the first instance is made (0.1 ms), and the others are
shared. The functions are those of `dataclasses`, which also accept a Record.
"""

from collections.abc import Mapping
from operator import attrgetter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, dataclass_transform

__all__ = ["Record", "asdict", "astuple", "field", "replace"]

_MISSING: Any = object()
_RESERVED = frozenset({"_fields", "_record_key"})


class _Field(SimpleNamespace):
    """A field: how an instance gets its value, and which methods use it."""

    default: Any = _MISSING
    default_factory: Any = None
    init = compare = repr = True


if TYPE_CHECKING:
    from dataclasses import asdict, astuple, field, replace
else:
    field = _Field

    def replace(record, /, **changes):
        """Return a record of the same class with the changes."""
        return record.__replace__(**changes)

    def asdict(record):
        """Return the fields by name, and records within as dicts, too."""
        return {name: _plain(getattr(record, name)) for name in record._fields}

    def astuple(record):
        """Return the values of the fields."""
        return tuple(getattr(record, name) for name in record._fields)

    def _plain(value):
        if isinstance(value, Record):
            return asdict(value)
        if isinstance(value, (list, tuple)):
            return type(value)(map(_plain, value))
        return {key: _plain(each) for key, each in value.items()} if type(value) is dict else value


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class _RecordType(type):
    """Makes slots of the annotations of a class, and keeps its fields."""

    _fields: Mapping[str, _Field]
    _record_key: Any

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], frozen: bool = True
    ) -> "_RecordType":
        # From Python 3.14 on, annotations are in a function; 1 asks for values.
        annotate = namespace.get("__annotate_func__", lambda _: {})
        own = namespace.get("__annotations__") or annotate(1)
        if reserved := _RESERVED.intersection([*own, *namespace]):
            raise TypeError(f"{name}.{min(reserved)}: Record has this name for itself")
        fields = {key: _as_field(namespace.pop(key, _Field())) for key in own}
        namespace["__slots__"] = (*namespace.get("__slots__", ()), *fields)
        namespace.setdefault("__init__", _compile_init)
        if not frozen:
            namespace |= {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
            namespace["__hash__"] = None
        inherited = [base._fields for base in reversed(bases) if isinstance(base, _RecordType)]
        fields = {key: each for part in [*inherited, fields] for key, each in part.items()}
        namespace["__match_args__"] = tuple(key for key, each in fields.items() if each.init)
        cls = super().__new__(mcs, name, bases, namespace)
        cls._fields = fields
        compared = [key for key, each in cls._fields.items() if each.compare]
        cls._record_key = attrgetter(*compared) if compared else type
        return cls


def _as_field(value: Any) -> _Field:
    return value if isinstance(value, _Field) else _Field(default=value)


def _compile_init(self: "Record", *values: Any, **named: Any) -> None:
    """Compile the `__init__` of the class, and call it."""
    cls = type(self)
    scope: dict[str, Any] = {"missing": _MISSING}
    parameters, lines = [], []
    for name, each in cls._fields.items():
        scope[f"set_{name}"] = getattr(cls, name).__set__
        value = name if each.init else f"default_{name}"
        if each.default_factory:
            scope[f"make_{name}"] = each.default_factory
            value = f"make_{name}() if {value} is missing else {value}"
        if each.default_factory or each.default is not _MISSING:
            scope[f"default_{name}"] = each.default
        if each.init:
            parameters.append(f"{name}=default_{name}" if f"default_{name}" in scope else name)
        if each.init or f"default_{name}" in scope:
            lines.append(f"  set_{name}(self, {value})")
    lines.append("  self.__post_init__()" if hasattr(cls, "__post_init__") else "  return")
    source = "\n".join([f"def __init__(self, {', '.join(parameters)}):", *lines])
    exec(compile(source, f"<{cls.__qualname__}>", "exec"), scope)
    scope["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__ = scope["__init__"]  # type: ignore[method-assign]
    cls.__init__(self, *values, **named)


class _DataclassFields:
    """The fields as `dataclasses` describes them, for callers of its functions."""

    def __get__(self, record: object, cls: _RecordType) -> Any:
        import dataclasses

        fields = [
            (name, Any, dataclasses.field(**vars(each))) for name, each in cls._fields.items()
        ]
        described: Any = dataclasses.make_dataclass(cls.__name__, fields)
        return described.__dataclass_fields__


class Record(metaclass=_RecordType):
    """A frozen type whose fields are its annotations. `frozen=False` makes one that changes."""

    if not TYPE_CHECKING:
        __dataclass_fields__ = _DataclassFields()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        compared = type(self)._record_key
        return bool(compared(self) == compared(other))

    def __hash__(self) -> int:
        return hash(type(self)._record_key(self))

    def __repr__(self) -> str:
        shown = [name for name, each in type(self)._fields.items() if each.repr]
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{type(self).__qualname__}({values})"

    def __replace__(self, /, **changes: Any) -> Any:
        kept = {key: getattr(self, key) for key, each in type(self)._fields.items() if each.init}
        return type(self)(**kept | changes)

    def __getstate__(self) -> list[Any]:
        return [getattr(self, name) for name in type(self)._fields]

    def __setstate__(self, values: list[Any]) -> None:
        for name, value in zip(type(self)._fields, values, strict=True):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot delete field {name!r}")
