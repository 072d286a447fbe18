"""Sources to Jobs: walk folders, mirror the tree, name the outputs, find collisions.

A plan walks twice: once to count and to find what would collide, before any work; once more to hand
out the jobs. So a library of any length is a stream, and what is held of a file is two numbers.
"""

import hashlib
import os
import re
import secrets
import string
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

from ffprep.errors import Kind, PhotoError, UsageError
from ffprep.files import TEMPORARY_PREFIX, open_regular, os_trouble
from ffprep.formats import (
    HEAD_BYTES,
    OUTPUT_FORMATS,
    SUFFIXES,
    OutputFormat,
    output_format_of,
    sniff,
)
from ffprep.job import Job, Result
from ffprep.spec import Spec


@dataclass(frozen=True, slots=True)
class Found:
    """A file that a walk came upon.

    `folder` is where it lies below the SOURCE folder, empty for a file named by itself. A `passed`
    file is no picture, or a `link` that is not followed; one with an `error` could not be looked at.
    """

    path: Path
    folder: Path = Path()
    passed: bool = False
    link: bool = False
    error: PhotoError | None = None


def walk(
    sources: Iterable[Path], own: Path | None = None, follow_links: bool = False
) -> Iterator[Found]:
    """Every file below `sources`, folders in the order of their names.

    Hidden files are left alone, and so is `own`, the output folder, where it lies inside a source.
    What a source names is always looked at, also by way of a link. Below it, links that leave it are
    passed over, and so are all links to folders, unless `follow_links`. Then they are followed last,
    so that a photo is found by its own name first. No folder is entered twice.
    """
    entered: set[tuple[int, int]] = set()
    left_out = os.path.realpath(own) if own else None
    for source in sources:
        if os.path.isdir(source):
            yield from _walk_folder(source, entered, left_out, follow_links)
        else:
            yield _named(source)


def _named(source: Path) -> Found:
    try:
        os.stat(source)
    except OSError as error:
        return Found(source, error=os_trouble(error))
    return Found(source)


def _walk_folder(
    top: Path, entered: set[tuple[int, int]], left_out: str | None, follow_links: bool
) -> Iterator[Found]:
    within = os.path.join(os.path.realpath(top), "")
    pending, links = [(top, Path())], deque[tuple[Path, Path]]()
    while pending or links:
        path, folder = pending.pop() if pending else links.popleft()
        if folder != Path() and os.path.realpath(path) == left_out:
            continue
        try:
            found = os.stat(path)
            if (found.st_dev, found.st_ino) in entered:
                continue
            entered.add((found.st_dev, found.st_ino))
            with os.scandir(path) as entries:
                listing = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield Found(path, folder, error=os_trouble(error))
            continue
        below: list[tuple[Path, Path]] = []
        for entry in listing:
            if entry.name.startswith("."):
                continue
            if entry.is_symlink() and not (follow_links or _stays(entry, within)):
                yield Found(path / entry.name, folder, passed=True, link=True)
            elif os.path.isdir(entry.path):
                place = (path / entry.name, folder / entry.name)
                (links if entry.is_symlink() else below).append(place)
            else:
                yield Found(path / entry.name, folder, passed=not _claims_to_be_picture(entry))
        pending.extend(reversed(below))


def _stays(link: os.DirEntry[str], within: str) -> bool:
    """Whether a link leads to a file of the same source, which is read either way, or to nothing.

    A link to a folder would show each of its photos twice.
    """
    return os.path.realpath(link.path).startswith(within) and not os.path.isdir(link.path)


def _claims_to_be_picture(entry: os.DirEntry[str]) -> bool:
    """By its suffix; where it has none, by its first bytes."""
    suffix = os.path.splitext(entry.name)[1].lower()
    if suffix:
        return suffix in SUFFIXES and (os.path.isfile(entry.path) or not os.path.exists(entry.path))
    return _sniff_output(Path(entry.path)) is not None


NAME_FIELDS = ("stem", "parent", "width", "height", "mode", "ext", "n")
"""What a --names template may say in braces."""


@dataclass(frozen=True, slots=True)
class Names:
    """A template for output names. Where it does not say `{ext}`, the suffix is added.

    Raises UsageError for an unknown field, or for a name that would leave its folder.
    """

    template: str = "{stem}"

    def __post_init__(self) -> None:
        known = " ".join(f"{{{name}}}" for name in NAME_FIELDS)
        try:
            for _, name, width, _ in string.Formatter().parse(self.template):
                if name is not None and name not in NAME_FIELDS:
                    raise UsageError(f"--names: unknown field {{{name}}}; known are {known}")
                if any(int(number) > 255 for number in re.findall(r"\d+", width or "")):
                    raise UsageError(f"--names: {{{name}:{width}}} is wider than any file name")
            self._fill(dict.fromkeys(NAME_FIELDS, "x") | dict.fromkeys(("width", "height", "n"), 1))
        except UsageError:
            raise
        except (ValueError, KeyError, IndexError, AttributeError) as error:
            raise UsageError(f"--names {self.template!r}: {error}") from None

    def _fields(self) -> list[str]:
        return [f for _, f, _, _ in string.Formatter().parse(self.template) if f is not None]

    def render(self, source: Path, spec: Spec, suffix: str, number: int) -> str:
        """The name, relative to the output folder, for the `number`th source (from 1)."""
        return self._fill(
            {
                "stem": source.stem,
                "parent": Path(os.path.abspath(source)).parent.name,
                "width": spec.size.width,
                "height": spec.size.height,
                "mode": spec.mode.name,
                "ext": suffix.removeprefix("."),
                "n": number,
            }
        )

    def _fill(self, values: dict[str, str | int]) -> str:
        name = self.template.format_map(values)
        if "ext" not in self._fields():
            name += f".{values['ext']}"
        parts = PurePosixPath(name).parts
        if (
            not self.template
            or not parts
            or name.startswith("/")
            or name.endswith("/")
            or ".." in parts
            or "\0" in name
        ):
            raise UsageError(
                f"--names {self.template!r} gives {name!r}, which is no name in a folder"
            )
        if parts[-1].startswith(TEMPORARY_PREFIX):
            raise UsageError(
                f"--names: {TEMPORARY_PREFIX}... is what ffprep calls its temporary files"
            )
        return name


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be converted, and to where.

    `output` is a file when `single`, else a folder. With `same_format`, each output has its source's
    format where ffprep writes it, else PNG for the lossless formats and JPEG for the others.
    """

    sources: tuple[Path, ...]
    output: Path
    spec: Spec
    single: bool = False
    names: Names = Names()
    same_format: bool = False
    follow_links: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A name."""

    source: str
    output: str
    spec: Spec


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch."""

    folder: str
    output: str
    names: list[Named]

    def job(self, named: Named) -> Job:
        """Job."""
        return Job(Path(self.folder + named.source), Path(self.output + named.output), named.spec)


_CHANGED = PhotoError(
    Kind.COLLISION, "files came or went while the run was planned, and names with them; run again"
)


@dataclass(slots=True)
class Plan:
    """The jobs of a Request: how many they are, and the jobs themselves, as often as asked for.

    `links` are those among the `passed_over` that are not followed.
    """

    request: Request
    total: int = 0
    passed_over: int = 0
    links: int = 0
    _sources: set[bytes] = field(default_factory=set)
    _takers: dict[bytes, bytes] = field(default_factory=dict)
    _repeated: set[bytes] = field(default_factory=set)
    _contested: dict[bytes, dict[bytes, Path]] = field(default_factory=dict)
    _case_blind: bool = False

    @classmethod
    def of(cls, request: Request) -> "Plan":
        """Walk the sources once; raises nothing for a file, since that is told by `jobs`."""
        plan = cls(request, _case_blind=is_case_blind(request.output))
        for found, job in plan._walk():
            plan.passed_over += found.passed
            plan.links += found.link
            if job is None:
                plan.total += not found.passed
                continue
            source, output = _identity(found.path), plan._key(job.output)
            plan._sources.add(plan._key(found.path))
            if os.path.islink(found.path):
                plan._sources.add(plan._key(Path(os.path.realpath(found.path))))
            taker = plan._takers.setdefault(output, source)
            if taker != source:
                plan._contested[output] = {}
            elif taker is not source:
                plan._repeated.add(output)
        if plan._contested:
            plan._name_contestants()
        plan.total += len(plan._takers) - len(plan._contested)
        plan.total += sum(map(len, plan._contested.values()))
        return plan

    def batches(self) -> Iterator[Batch | Result]:
        """Batches."""
        for item in self.jobs():
            if isinstance(item, Result):
                yield item
            else:
                folder, output = (os.path.join(p.parent, "") for p in (item.source, item.output))
                yield Batch(folder, output, [Named(item.source.name, item.output.name, item.spec)])

    def jobs(self) -> Iterator[Job | Result]:
        """Every Job once; a Result for what can be told to fail before any work."""
        handed_out: set[tuple[bytes, bytes]] = set()
        for found, job in self._walk():
            if found.error:
                yield Result.failed(found.path, None, found.error)
            if job is None:
                continue
            source, output = _identity(found.path), self._key(job.output)
            if output in self._repeated or output in self._contested:
                if (source, output) in handed_out:
                    continue
                handed_out.add((source, output))
            elif self._takers.get(output) != source:
                # Files came or went since the collisions were looked for.
                if self._key(found.path) in self._sources:
                    yield Result.failed(job.source, job.output, _CHANGED)
                continue
            error = self._collision(job, source, output)
            yield Result.failed(job.source, job.output, error) if error else job

    def _walk(self) -> Iterator[tuple[Found, Job | None]]:
        request = self.request
        own = None if request.single else request.output
        number = 0
        for found in walk(request.sources, own, request.follow_links):
            if found.passed or found.error:
                yield found, None
                continue
            number += 1
            try:
                yield found, self._job(found, number)
            except UsageError as error:  # a name or a size that only this photo gives
                yield replace(found, error=PhotoError(Kind.IO, str(error))), None

    def _job(self, found: Found, number: int) -> Job:
        request, spec = self.request, self.request.spec
        suffix = spec.format.suffixes[0]
        if request.same_format:
            own = found.path.suffix
            format = _sniff_output(found.path) or output_format_of(own) or spec.format
            spec = replace(spec, format=format)
            suffix = own if own.lower() in format.suffixes else format.suffixes[0]
        if request.single:
            return Job(found.path, request.output, spec)
        name = request.names.render(found.path, spec, suffix, number)
        return Job(found.path, request.output / found.folder / name, spec)

    def _key(self, path: Path) -> bytes:
        """What the disk of the outputs takes for one name."""
        return _identity(path, self._case_blind)

    def _name_contestants(self) -> None:
        for found, job in self._walk():
            if job and (key := self._key(job.output)) in self._contested:
                self._contested[key].setdefault(_identity(found.path), found.path)

    def _collision(self, job: Job, source: bytes, output: bytes) -> PhotoError | None:
        contestants = self._contested.get(output, {})
        others = [path for identity, path in contestants.items() if identity != source]
        if others:
            return PhotoError(
                Kind.COLLISION,
                f"would be written to {job.output}, and so would {others[0]}; give them different names with "
                "--names, such as '{parent}-{stem}' or '{stem}-{n}'",
            )
        if output in self._sources:
            return PhotoError(
                Kind.COLLISION,
                f"{job.output} is one of the sources, and sources are never overwritten; choose another "
                "output folder, or --names",
            )
        return None


def _identity(path: Path, case_blind: bool = False) -> bytes:
    """The same for every spelling of a path; the file itself may be a link."""
    name = os.path.join(_real_folder(os.fspath(path.parent)), path.name)
    if case_blind:
        name = unicodedata.normalize("NFC", name).casefold()
    return hashlib.blake2b(os.fsencode(name), digest_size=16).digest()


@lru_cache(maxsize=1024)
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)


def _sniff_output(path: Path) -> OutputFormat | None:
    """The format in which a file would be written again; None if it is no picture."""
    try:
        with open_regular(path) as file:
            format = sniff(file.read(HEAD_BYTES))
    except PhotoError:
        return None
    if format is None:
        return None
    lossless = format.name in ("gif", "bmp", "tiff")
    return OUTPUT_FORMATS.get(format.name) or OUTPUT_FORMATS["png" if lossless else "jpeg"]


def is_case_blind(path: Path) -> bool:
    """Whether the disk that holds `path`, or will, takes `A.jpg` and `a.jpg` for one name."""
    try:
        folder = next(p for p in (path, *path.absolute().parents) if os.path.isdir(p))
        probe = folder / f"{TEMPORARY_PREFIX}{secrets.token_hex(4)}-case.part"
        probe.touch()
        try:
            return probe.with_name(probe.name.upper()).exists()
        finally:
            probe.unlink()
    except OSError:
        return False
