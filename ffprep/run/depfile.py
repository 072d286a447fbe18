"""A depfile for make: what outputs depend on (photos, sidecars, folders, the file of the mode).

Each prerequisite has a line and a rule without a recipe, so that make does not stop if it is
deleted (as with `gcc -MP`). Folders are prerequisites too: their time changes when a photo comes or
goes.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ffprep.core.job import LocalJob
from ffprep.errors import UsageError
from ffprep.library.plan import Plan
from ffprep.record import Record, replace
from ffprep.system.files import SIDECAR
from ffprep.system.tempfiles import errors_named_after, replace_file
from ffprep.version import page

# Names that a makefile cannot contain: make ends rules or names at these characters, or takes the
# name for a member of an archive. Found by trying every character with 4.3 and 4.4.1.
_NOT_IN_MAKEFILES = re.compile(r"[;\t\n\r\v\f]|[ \\&]$|\(.*\)$")

_EQUALS = "ffprep_equals"


class Depfile(Record):
    """A file with a rule for `target`. `others` are further prerequisites, such as a config file.

    Raises UsageError if a makefile cannot contain the target.
    """

    path: Path
    target: str
    others: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if _NOT_IN_MAKEFILES.search(self.target):
            raise UsageError(
                f"--depfile: a makefile cannot contain the name {self.target!r}; "
                f"see {page('operations/make')}"
            )

    def write(self, plan: Plan) -> list[Path]:
        """Write the rule for a plan; return the paths that a makefile cannot contain, left out.

        Raises EnvironmentFault if the file cannot be written; then it is as before.
        """
        left_out: list[Path] = []
        with (
            errors_named_after("--depfile"),
            replace_file(self.path) as temporary,
            temporary.open("wb") as file,
        ):
            file.writelines(map(os.fsencode, self._lines(plan, left_out)))
        return left_out

    def _lines(self, plan: Plan, left_out: list[Path]) -> Iterator[str]:
        target, equals = _quoted(self.target, "%"), "=" in self.target
        if equals:
            yield f"{_EQUALS} := =\n"
        for name in self._prerequisites(plan):
            if _NOT_IN_MAKEFILES.search(name):
                left_out.append(Path(name))
                continue
            if "=" in name and not equals:
                equals = True
                yield f"{_EQUALS} := =\n"
            yield f"{target}: {_quoted(name, '|')}\n{_quoted(name, '%')}:\n"

    def _prerequisites(self, plan: Plan) -> Iterator[str]:
        modes = {mode.path for spec in plan.request.specs for mode in spec.modes}
        several, seen = len(plan.request.renditions) > 1, set[str]()
        for item in plan.jobs():
            source = os.fspath(item.source)
            if source not in seen:
                yield source
            if several:
                seen.add(source)
            if isinstance(item, LocalJob):
                modes.update(mode.path for mode in item.spec.modes)
        for listing in plan.request.walk.listings():
            yield from (listing.folder + name + SIDECAR for name in sorted(listing.sidecars))
        folders = tuple(source for source in plan.request.sources if os.path.isdir(source))
        for listing in replace(plan.request, sources=folders).walk.listings():
            if not listing.error:
                yield os.path.join(listing.folder, ".")
        yield from sorted(modes)
        yield from map(os.fspath, self.others)


def _quoted(name: str, special: str) -> str:
    """Quote a name as make's manual says: with backslashes, and the dollar doubled.

    Backslashes count only before special characters: % in targets, | in prerequisites. An = would
    make the line an assignment and cannot be quoted, so a variable stands for it.
    """
    name = f"./{name}" if name.startswith("~") else name
    name = re.sub(rf"(\\*)([ #:*?\[{special}])", r"\1\1\\\2", name)
    return name.replace("$", "$$").replace("=", f"$({_EQUALS})")
