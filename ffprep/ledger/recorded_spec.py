"""Specs as a ledger has them: as JSON, perhaps of another version, perhaps of a stranger."""

import json
from typing import Any

from ffprep.core.constraints import SizeConstraints
from ffprep.core.film import FilmFrame
from ffprep.core.geometry import Bounds, FaceFocus, Focus, Size
from ffprep.core.mode import Fallback, Fit, Mode, Step
from ffprep.core.spec import SizeChoice, Spec
from ffprep.errors import FfprepError
from ffprep.ledger.ledger import Ledger


def recorded_specs(ledger: Ledger) -> dict[int, Spec | None]:
    """Return the Specs of a ledger by their numbers, as `recorded_spec` reads them."""
    with ledger.transaction() as database:
        rows = database.execute("SELECT id, said FROM specs")
        return {number: recorded_spec(said) for number, said in rows}


def recorded_spec(said: object) -> Spec | None:
    """Return what frames a photo of a recorded Spec; None if it does not say so."""
    try:
        return _spec(json.loads(said)) if isinstance(said, str) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, FfprepError):
        return None


def _spec(said: dict[str, Any]) -> Spec:
    fallback, choice, frame = said["fallback"], said["choice"], said.get("frame")
    return Spec(
        _size(said["size"]),
        _mode(said["mode"]),
        focus=_focus(said["focus"]),
        bounds=Bounds(*map(_share, said["bounds"].values())),
        choice=_choice(choice) if choice else None,
        fallback=Fallback(_mode(fallback["mode"]), _share(fallback["max_loss"]))
        if fallback
        else None,
        frame=FilmFrame(frame["seconds"]) if frame else None,
    )


def _size(said: dict[str, Any]) -> Size:
    return Size(*map(_whole, (said["width"], said["height"])))


def _whole(value: Any) -> int:
    """Return a number of pixels, 1 or more. Raises ValueError."""
    if not isinstance(value, int) or not 1 <= value < 2**31:
        raise ValueError
    return value


def _share(value: Any) -> float:
    """Return a number from 0 to 1. Raises ValueError."""
    if not 0 <= value <= 1:
        raise ValueError
    return float(value)


def _focus(said: dict[str, Any]) -> Focus:
    x, y = _share(said["x"]), _share(said["y"])
    return FaceFocus(x, y) if "version" in said else Focus(x, y)


def _mode(said: dict[str, Any]) -> Mode:
    steps = tuple(
        Step(str(step["filter"]), tuple((str(key), str(value)) for key, value in step["options"]))
        for step in said["steps"]
    )
    fit = said["fit"]
    return Mode(str(said["name"]), steps, Fit(fit) if fit else None)


def _choice(said: dict[str, Any]) -> SizeChoice:
    sizes = tuple(map(_size, said["sizes"]))
    limits = {name: _limit(value) for name, value in said["envelope"].items() if value is not None}
    return SizeChoice(Fit(said["fit"]), sizes, SizeConstraints(**limits))


def _limit(value: Any) -> Any:
    return tuple(map(_whole, value)) if isinstance(value, list) else _whole(value)
