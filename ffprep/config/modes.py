"""Mode files to Modes. The list of modes is the folder: adding a mode is adding a file.

A mode file is TOML: `summary`, `fit`, `keeps`, `loses`, `suits`, `scenes`, and one `[[step]]` a filter (docs/guide/modes.md).
"""

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ffprep.config import toml
from ffprep.core.mode import Fallback, Fit, Mode, Step
from ffprep.errors import EnvironmentFault, UsageError

PLACEHOLDERS = ("width", "height", "background", "focus_x", "focus_y")
"""What a filter option may say in braces; the graph builder fills them in."""

AUTO = "auto"
"""The name that stands for a choice between two modes, and is no mode's own."""

DEFAULT = "cover"

_WORDS = ("summary", "fit", "keeps", "loses", "suits", "scenes")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")

# Filters and options that open files, sockets, devices or plug-ins: a picture goes in and a picture comes
# out, and nothing else is read or written. Found by what FFmpeg says of every option, and by tracing what
# every filter opens of itself (nnedi: its weights, in the current folder).
_OUTSIDE_FILTERS = frozenset(
    "amovie arnndn ass azmq coreimage coreimagesrc cover_rect deshake dnn_classify dnn_detect "
    "dnn_processing fieldhint find_rect frei0r frei0r_src fsync hwmap hwupload ladspa libplacebo libvmaf lv2 "
    "movie nnedi ocr ocv openclsrc removelogo sendcmd asendcmd signature subtitles vidstabdetect "
    "vidstabtransform whisper zmq".split()
)
_ON_DEVICES = re.compile(
    r"\w+_(?:amf|cuda|d3d1[12]\w*|metal|mediacodec|npp|opencl|qsv|rkrga|vaapi|videotoolbox|vt|vulkan)"
)
_OUTSIDE_OPTIONS = frozenset(
    "file filename fontfile fontsdir textfile stats_file f psfile url cmd commands bind_address plot "
    "weights model log_path lut hint custom_shader_path shader_cache debug_kdtree axisfile dumpfile "
    "codec device derive_device".split()
)


def filters_dir() -> Path:
    """Where the modes that come with ffprep lie: in the installed package, or beside it."""
    installed = Path(__file__).parents[1] / "filters"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "filters"


def find_mode(name: str, folders: Iterable[Path] = ()) -> Mode:
    """The mode called `name`; a later folder wins over an earlier one and over ffprep's own.

    Raises UsageError when no folder has it, EnvironmentFault when its file is bad.
    """
    files = _files(folders)
    if name not in files:
        raise UsageError(f"no mode is called {name!r}; there are: {', '.join(sorted(files))}")
    return read_mode(files[name])


def all_modes(folders: Iterable[Path] = ()) -> list[Mode]:
    """Every mode by name. Raises EnvironmentFault for the first file that is bad."""
    return [read_mode(path) for _, path in sorted(_files(folders).items())]


def for_scene(scene: str, folders: Iterable[Path] = ()) -> tuple[Mode, ...]:
    """The mode recommended for a scene; or two, of which the first cuts, and the second is for where that is much.

    A mode of the user's own comes before one of ffprep's. Raises UsageError for an unknown scene.
    """
    modes = sorted(all_modes(folders), key=is_shipped)
    found = [mode for mode in modes if scene in mode.scenes]
    if not found:
        known = ", ".join(sorted({scene for mode in modes for scene in mode.scenes}))
        raise UsageError(f"no mode is for the scene {scene!r}; there are: {known}")
    cutting = [mode for mode in found if mode.fit is Fit.COVER]
    sparing = [mode for mode in found if mode.fit is Fit.CONTAIN]
    return (cutting[0], sparing[0]) if cutting and sparing else (found[0],)


def automatic(folders: Iterable[Path] = ()) -> tuple[Mode, Mode]:
    """What `auto` chooses from: `cover`, and `pad` where that cuts too much.

    Raises UsageError where a `cover` of the user's own does not say what it cuts.
    """
    cover, pad = find_mode("cover", folders), find_mode("pad", folders)
    if cover.fit is not Fit.COVER:
        raise UsageError(f'auto needs to know what cover cuts: write fit = "cover" in {cover.path}')
    return cover, pad


def picked(
    name: str | None, scene: str | None, max_loss: float | None, folders: Iterable[Path]
) -> tuple[Mode, Fallback | None]:
    """The mode of that name, or for a scene; with a Fallback where that is a choice of two.

    `max_loss` is then its limit. Raises UsageError as finding one does.
    """
    if scene:
        modes = for_scene(scene, folders)
    else:
        modes = automatic(folders) if name == AUTO else (find_mode(name or DEFAULT, folders),)
    if len(modes) == 1:
        return modes[0], None
    return modes[0], Fallback(modes[1]) if max_loss is None else Fallback(modes[1], max_loss)


def _files(folders: Iterable[Path]) -> dict[str, Path]:
    return {
        path.stem: path
        for folder in (filters_dir(), *folders)
        for path in sorted(folder.glob("*.toml"))
        if not path.name.startswith(".")
    }


def read_mode(path: Path) -> Mode:
    """Read one mode file. Raises EnvironmentFault that names the file, the line and the key."""
    try:
        document = toml.read(path)
    except EnvironmentFault as error:
        raise EnvironmentFault(f"mode file {error}") from None
    return _Reader(document).mode(document.content)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Checks one mode file."""

    document: toml.Document

    def mode(self, content: dict[str, Any]) -> Mode:
        if not _NAME.fullmatch(self.document.path.stem):
            self._fail(None, None, "the name of a mode is small letters, digits, - and _")
        if self.document.path.stem == AUTO:
            self._fail(None, None, "auto is no name for a mode: it has ffprep choose one")
        for key in content:
            if key not in (*_WORDS, "step"):
                self._fail(None, key, f"unknown key; known are {', '.join(_WORDS)} and [[step]]")
        steps = content.get("step")
        if not isinstance(steps, list) or not steps or not all(isinstance(s, dict) for s in steps):
            self._fail(None, "step", "a mode needs at least one [[step]]")
        return Mode(
            name=self.document.path.stem,
            steps=tuple(self._steps(steps)),
            fit=self._fit(content),
            summary=self._word(content, "summary"),
            keeps=self._word(content, "keeps"),
            loses=self._word(content, "loses"),
            suits=self._texts(content, "suits"),
            scenes=self._texts(content, "scenes"),
            path=str(self.document.path),
        )

    def _fit(self, content: dict[str, Any]) -> Fit | None:
        word = self._word(content, "fit")
        if word and word not in list(Fit):
            self._fail(None, "fit", f"must be one of {', '.join(Fit)}")
        return Fit(word) if word else None

    def _texts(self, content: dict[str, Any], key: str) -> tuple[str, ...]:
        texts = content.get(key, [])
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            self._fail(None, key, "must be a list of texts")
        return tuple(texts)

    def _word(self, content: dict[str, Any], key: str) -> str:
        value = content.get(key, "")
        if not isinstance(value, str):
            self._fail(None, key, "must be a text")
        return value

    def _steps(self, tables: list[dict[str, Any]]) -> Iterable[Step]:
        streams = {"photo", ""}
        for index, table in enumerate(tables):
            step = self._step(index, table)
            for name in step.reads:
                if name not in streams:
                    self._fail(index, "from", f"no step before this one makes {name!r}")
            streams.add(step.makes)
            yield step

    def _step(self, index: int, table: dict[str, Any]) -> Step:
        name = table.get("filter")
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_]+", name):
            self._fail(index, "filter", "every step names one FFmpeg filter")
        if name in _OUTSIDE_FILTERS or _ON_DEVICES.fullmatch(name):
            self._fail(index, "filter", f"{name} reaches outside the picture and is not allowed")
        reads = table.get("from", "")
        reads = [reads] if isinstance(reads, str) else reads
        if not isinstance(reads, list) or not reads or not all(isinstance(n, str) for n in reads):
            self._fail(index, "from", "must be a name or a list of names")
        makes = table.get("to", "")
        if not isinstance(makes, str):
            self._fail(index, "to", "must be a name")
        options = tuple(
            (key, self._option(index, key, value))
            for key, value in table.items()
            if key not in ("filter", "from", "to")
        )
        return Step(name, options, tuple(reads), makes)

    def _option(self, index: int, key: str, value: object) -> str:
        if key in _OUTSIDE_OPTIONS:
            self._fail(index, key, "this option opens a file and is not allowed")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
            self._fail(index, key, "is no name of an option")
        if isinstance(value, bool):
            return str(int(value))
        if not isinstance(value, str | int | float) or value != value or "\0" in str(value):
            self._fail(index, key, "must be a text or a number")
        try:
            fields = list(string.Formatter().parse(str(value)))
        except ValueError as error:
            self._fail(index, key, str(error))
        for _, field, width, conversion in fields:
            if field is not None and (field not in PLACEHOLDERS or width or conversion):
                known = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
                self._fail(index, key, f"unknown placeholder {{{field}}}; known are {known}")
        return str(value)

    def _fail(self, step: int | None, key: str | None, why: str) -> NoReturn:
        place = f"{self.document.path}:{self.document.line(*_way(step, key))}"
        raise EnvironmentFault(f"mode file {place}: {key + ': ' if key else ''}{why}")


def is_shipped(mode: Mode) -> bool:
    """Whether a mode came with ffprep, so that what is wrong with it is ffprep's own fault."""
    return Path(mode.path).parent == filters_dir()


def blame(mode: Mode, complaint: str) -> str:
    """Say which line of a mode's file FFmpeg refuses, from FFmpeg's complaint about the graph."""
    named = re.search(r"option '(\w+)' to filter '(\w+)'", complaint)
    option = named[1] if named else None
    match = re.search(r"filter: '(\w+)'|Parsed_(\w+)_\d+", complaint)
    name = named[2] if named else next(filter(None, match.groups()), None) if match else None
    index = next((i for i, step in enumerate(mode.steps) if step.filter == name), None)
    reason = re.sub(r"\[[^]]*\] ", "", complaint)
    try:
        line = toml.read(Path(mode.path)).line(*_way(index, option or "filter"))
    except EnvironmentFault:
        line = 1
    what = ": ".join(part for part in (name, option) if part)
    return f"mode file {mode.path}:{line}: {what + ': ' if what else ''}FFmpeg refuses it: {reason}"


def _way(step: int | None, key: str | None) -> toml.Way:
    """Where a key of one step stands, or of the file's top."""
    return (*(("step", step) if step is not None else ()), *((key,) if key else ()))
