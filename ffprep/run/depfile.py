"""A depfile for make: what outputs depend on (photos, sidecars, folders, the file of the mode).

A line a prerequisite, and for each a rule without a recipe, so that one that is deleted does not
stop make (as `gcc -MP` does). A folder's own time changes when a photo comes or goes, so folders
are prerequisites of what was made of a folder.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ffprep.core.job import LocalJob
from ffprep.errors import UsageError
from ffprep.library.plan import Plan, Request
from ffprep.system.files import SIDECAR
from ffprep.system.tempfiles import errors_named_after, replace_file

# GNU make has no word for these: it ends rules and names at them, or takes them for members of an
# archive. Found by trying every character with 4.3 and 4.4.1, as target and as prerequisite.
_UNSPEAKABLE = re.compile(r"[;\t\n\r\v\f]|[ \\&]$|\(.*\)$")

_EQUALS = "ffprep_equals"


@dataclass(frozen=True, slots=True)
class Depfile:
    """A file with a rule for `target`. `others` are further prerequisites, such as a config file.

    Raises UsageError where make cannot say the target.
    """

    path: Path
    target: str
    others: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if _UNSPEAKABLE.search(self.target):
            raise UsageError(
                f"--depfile: make has no word for {self.target!r}; see docs/operations/make.md"
            )

    def write(self, plan: Plan) -> list[Path]:
        """Write the rule for a plan; return the paths that make cannot express, which are left out.

        Raises EnvironmentFault where that is not possible; then the file is as it was before.
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
        target, equals = _word(self.target, "%"), "=" in self.target
        if equals:
            yield f"{_EQUALS} := =\n"
        for name in self._prerequisites(plan):
            if _UNSPEAKABLE.search(name):
                left_out.append(Path(name))
                continue
            if "=" in name and not equals:
                equals = True
                yield f"{_EQUALS} := =\n"
            yield f"{target}: {_word(name, '|')}\n{_word(name, '%')}:\n"

    def _prerequisites(self, plan: Plan) -> Iterator[str]:
        modes = {mode.path for mode in plan.request.spec.modes}
        for item in plan.jobs():
            yield os.fspath(item.source)
            if isinstance(item, LocalJob):
                modes.update(mode.path for mode in item.spec.modes)
        for listing in plan.request.walk.listings():
            yield from (listing.folder + name + SIDECAR for name in sorted(listing.sidecars))
        for folder in _folders(plan.request):
            yield os.path.join(folder, ".")
        yield from sorted(modes)
        yield from map(os.fspath, self.others)


def _word(name: str, special: str) -> str:
    """A name as make's manual has it quoted: by backslashes, and with the dollar twice.

    Backslashes count only in front of what is special: a % in targets, a | in prerequisites. An =
    makes a line an assignment, and there is no quoting it.
    """
    name = f"./{name}" if name.startswith("~") else name
    name = re.sub(rf"(\\*)([ #:*?\[{special}])", r"\1\1\\\2", name)
    return name.replace("$", "$$").replace("=", f"$({_EQUALS})")


def _folders(request: Request) -> Iterator[str]:
    """The folders in which photos are looked for."""
    folders = tuple(source for source in request.sources if os.path.isdir(source))
    listings = replace(request, sources=folders).walk.listings()
    return (listing.folder for listing in listings if not listing.error)
