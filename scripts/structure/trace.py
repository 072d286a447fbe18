"""Run one ffprep command and record which modules of ffprep its function calls pass through.

    python -P scripts/structure/trace.py REPORT.json ARGUMENTS...

Run it in a fresh interpreter. It imports only the standard library, so every module of ffprep in
`sys.modules` was imported by the command. All threads are traced; other processes are not.
"""

import atexit
import inspect
import json
import os
import sys
import threading
from collections import Counter
from types import FrameType
from typing import Any, NoReturn

# It stands in for a module of the standard library, and counts as one.
_LIKE_DATACLASSES = "ffprep.record"

_calls: Counter[str] = Counter()
_edges: Counter[tuple[str, str]] = Counter()


def _module_of(frame: FrameType) -> str | None:
    """Return the module of a frame of ffprep, or None for other code."""
    name = frame.f_globals.get("__name__", "")
    ours = name == "ffprep" or name.startswith("ffprep.")
    return name if ours and name != _LIKE_DATACLASSES else None


def _profile(frame: FrameType, event: str, argument: Any) -> None:
    """Count a call of a function of ffprep, and a change of module if the caller is in another.

    The caller is the nearest frame of ffprep. Comprehensions, generator expressions, lambdas and
    class bodies are not functions. Calls that happen on import, such as decorators, do not count.
    """
    module = _module_of(frame) if event == "call" else None
    code = frame.f_code
    if not module or code.co_name.startswith("<") or not code.co_flags & inspect.CO_OPTIMIZED:
        return
    nearest = ""
    caller = frame.f_back
    while caller:
        if origin := _module_of(caller):
            if caller.f_code.co_name == "<module>":
                return
            nearest = nearest or origin
        caller = caller.f_back
    _calls[module] += 1
    if nearest not in ("", module):
        _edges[nearest, module] += 1


def _write_report(path: str) -> None:
    sys.setprofile(None)
    threading.setprofile(None)
    imported = [name for name in sys.modules if name.startswith("ffprep.")]
    imported.remove(_LIKE_DATACLASSES)
    report = {
        "imported": sorted(imported),
        "packages": sorted(name for name in imported if hasattr(sys.modules[name], "__path__")),
        "calls": dict(_calls),
        "classes": _classes(),
        "edges": [[*pair, count] for pair, count in _edges.most_common()],
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(report, file)


def _classes() -> int:
    """Return how many classes ffprep has built, those that it generates too."""
    found, new = set[type](), {object}
    while new:  # not by `gc`, which ffprep freezes
        found |= new
        new = {below for each in new for below in type.__subclasses__(each)} - found
    return sum(each.__module__.startswith("ffprep.") for each in found)


def main() -> None:
    """Run the command, and write the report however the command ends."""
    path = sys.argv.pop(1)
    leave = os._exit

    def leave_with_report(status: int) -> NoReturn:
        _write_report(path)
        leave(status)

    os._exit = leave_with_report
    atexit.register(_write_report, path)
    threading.setprofile(_profile)
    sys.setprofile(_profile)
    from ffprep.__main__ import main as run

    run()


if __name__ == "__main__":
    main()
