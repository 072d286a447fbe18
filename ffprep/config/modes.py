"""Read mode files. The list of modes is a folder: adding a mode is adding a file.

A mode file is TOML: `summary`, `fit`, `keeps`, `loses`, `suits`, `scenes`, and a `[[step]]` for
each filter (docs/guide/modes.md).
"""

import re
import string
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ffprep.config import toml
from ffprep.core.mode import MAX_LOSS, Fallback, Fit, Mode, Step
from ffprep.errors import EnvironmentFault, UsageError

PLACEHOLDERS = ("width", "height", "background", "focus_x", "focus_y")
"""What a filter option may have in braces. `conversion.filtergraph` fills them in."""

AUTO = "auto"
"""This name stands for a choice between two modes. No mode can have it."""

DEFAULT = "cover"

ALIASES = {
    "contain": "pad",
    "letterbox": "pad",
    "pillarbox": "pad",
    "crop": "cover",
    "fill": "cover",
}
"""What other programs call a mode. A mode of the user wins over an alias."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")

# Filters and options that open files, sockets, devices or plug-ins. A mode makes a picture of a
# picture, and must not read or write anything else. The list comes from FFmpeg's help on every
# option, and from tracing what every filter opens by itself (nnedi: its weights, in the current
# folder).
_OUTSIDE_FILTERS = frozenset(
    "amovie arnndn ass azmq coreimage coreimagesrc cover_rect deshake dnn_classify dnn_detect "
    "dnn_processing fieldhint find_rect frei0r frei0r_src fsync hwmap hwupload ladspa libplacebo "
    "libvmaf lv2 movie nnedi ocr ocv openclsrc removelogo sendcmd asendcmd signature subtitles "
    "vidstabdetect vidstabtransform whisper zmq".split()
)
_ON_DEVICES = re.compile(
    r"\w+_(?:amf|cuda|d3d1[12]\w*|metal|mediacodec|npp|opencl|qsv|rkrga|vaapi|videotoolbox|vt|"
    r"vulkan)"
)
_OUTSIDE_OPTIONS = frozenset(
    "file filename fontfile fontsdir textfile stats_file f psfile url cmd commands bind_address "
    "plot weights model log_path lut hint custom_shader_path shader_cache debug_kdtree axisfile "
    "dumpfile codec device derive_device".split()
)


def filters_dir() -> Path:
    """Return the folder of ffprep's own modes: in the installed package, or beside it."""
    installed = Path(__file__).parents[1] / "filters"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "filters"


def find_mode(name: str, folders: Iterable[Path] = ()) -> Mode:
    """Return a mode by its name, in any case, or by an alias.

    A later folder wins over an earlier one and over ffprep's own. Raises UsageError if no folder
    has it, EnvironmentFault if its file is bad.
    """
    files = _files(folders)
    if name in files:  # the usual case
        return read_mode(files[name])
    from ffprep.core.known_names import known_as, unknown

    found = known_as(name, [*files, *ALIASES])
    if found is None:
        raise UsageError(unknown("mode", name, sorted([AUTO, *files]), ALIASES))
    return read_mode(files[ALIASES.get(found, found)])


def all_modes(folders: Iterable[Path] = ()) -> list[Mode]:
    """Return every mode in the order of names. Raises EnvironmentFault for the first bad file."""
    return [read_mode(path) for _, path in sorted(_files(folders).items())]


def auto_summary() -> Mode:
    """Return what `auto` is, in the words of a mode, for lists; it has no steps."""
    return Mode(
        AUTO,
        (),
        summary=f"Choose cover or pad: pad where cover would cut more than {MAX_LOSS * 100:g} %.",
        keeps="proportions",
        loses="some edges, or frame area to bars",
        suits=("folders of mixed photos",),
    )


def modes_for_scene(scene: str, folders: Iterable[Path] = ()) -> tuple[Mode, ...]:
    """Return the mode for a scene, or two: one that cuts, and one to use if that cuts too much.

    The user's own modes come before ffprep's. Raises UsageError for an unknown scene.
    """
    from ffprep.core.known_names import known_as, unknown

    modes = sorted(all_modes(folders), key=is_shipped)
    scenes = sorted({scene for mode in modes for scene in mode.scenes})
    name = known_as(scene, scenes)
    if name is None:
        raise UsageError(unknown("scene", scene, scenes))
    found = [mode for mode in modes if name in mode.scenes]
    covering = [mode for mode in found if mode.fit is Fit.COVER]
    containing = [mode for mode in found if mode.fit is Fit.CONTAIN]
    return (covering[0], containing[0]) if covering and containing else (found[0],)


def auto_modes(folders: Iterable[Path] = ()) -> tuple[Mode, Mode]:
    """Return the modes that `auto` chooses from: `cover`, and `pad` if that cuts too much.

    Raises UsageError if the user's own `cover` has no `fit`.
    """
    cover, pad = find_mode("cover", folders), find_mode("pad", folders)
    if cover.fit is not Fit.COVER:
        raise UsageError(
            f'auto needs a mode cover that says what it cuts; add fit = "cover" to {cover.path}'
        )
    return cover, pad


def choose_modes(
    name: str | None, scene: str | None, max_loss: float | None, folders: Iterable[Path]
) -> tuple[Mode, Fallback | None]:
    """Return the mode of that name, or for a scene; with a Fallback if there is a choice of two.

    `max_loss` is the limit of that choice. Raises UsageError as `find_mode` does.
    """
    if scene:
        modes = modes_for_scene(scene, folders)
    elif name and name.casefold() == AUTO:
        modes = auto_modes(folders)
    else:
        modes = (find_mode(name or DEFAULT, folders),)
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
    """Read one mode file. Raises EnvironmentFault with the file, the line and the key."""
    table = toml.read(path, "mode file ")
    if not _NAME.fullmatch(path.stem):
        table.fail("the name of a mode consists of lowercase letters, digits, - and _")
    if path.stem == AUTO:
        table.fail(f"a mode cannot be called {AUTO}: this word lets ffprep choose a mode")
    values = table.read(_READERS)
    steps = tuple(_steps(table.tables("step")))
    if not steps:
        table.fail("a mode needs at least one [[step]]", "step")
    fit = Fit(values["fit"]) if values.get("fit") else None
    texts = {key: value for key, value in values.items() if key not in ("fit", "step")}
    return Mode(name=path.stem, steps=steps, path=str(path), fit=fit, **texts)


_READERS: dict[str, toml.Reader] = {
    "summary": toml.text,
    "fit": toml.choice(("", *Fit)),
    "keeps": toml.text,
    "loses": toml.text,
    "suits": toml.texts,
    "scenes": toml.texts,
    "step": toml.anything,
}


def _names(value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not names or not all(isinstance(name, str) for name in names):
        raise UsageError("must be a name or a list of names")
    return tuple(names)


_STEP_READERS: dict[str, toml.Reader] = {"filter": toml.text, "from": _names, "to": toml.text}


def _steps(tables: Iterable[toml.Table]) -> Iterator[Step]:
    streams = {"photo", ""}
    for table in tables:
        step = _step(table)
        for name in step.reads:
            if name not in streams:
                table.fail(f"no step before this one makes {name!r}", "from")
        streams.add(step.makes)
        yield step


def _step(table: toml.Table) -> Step:
    values = table.read(dict.fromkeys(table.content, toml.anything) | _STEP_READERS)
    name = values.get("filter", "")
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        table.fail("every step names one FFmpeg filter", "filter")
    if name in _OUTSIDE_FILTERS or _ON_DEVICES.fullmatch(name):
        table.fail(f"{name} reads or writes other files or devices, so it is not allowed", "filter")
    options = tuple(
        (key, _option(table, key, value))
        for key, value in table.content.items()
        if key not in _STEP_READERS
    )
    return Step(name, options, values.get("from", ("",)), values.get("to", ""))


def _option(table: toml.Table, key: str, value: object) -> str:
    if key in _OUTSIDE_OPTIONS:
        table.fail("this option opens a file, so it is not allowed", key)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
        table.fail("is not a name of an option", key)
    if isinstance(value, bool):
        return str(int(value))
    if not isinstance(value, str | int | float) or value != value or "\0" in str(value):
        table.fail("must be a text or a number", key)
    try:
        fields = list(string.Formatter().parse(str(value)))
    except ValueError as error:
        table.fail(str(error), key)
    for _, field, width, conversion in fields:
        if field is not None and (field not in PLACEHOLDERS or width or conversion):
            known = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            table.fail(f"unknown placeholder {{{field}}}; the placeholders are: {known}", key)
    return str(value)


def is_shipped(mode: Mode) -> bool:
    """Return whether a mode came with ffprep, so that an error in it is a bug of ffprep."""
    return Path(mode.path).parent == filters_dir()


def describe_refusal(mode: Mode, complaint: str) -> str:
    """Return an error that names the line of a mode's file that FFmpeg refused to use."""
    named = re.search(r"option '(\w+)' to filter '(\w+)'", complaint)
    option = named[1] if named else None
    match = re.search(r"filter: '(\w+)'|Parsed_(\w+)_\d+", complaint)
    name = named[2] if named else next(filter(None, match.groups()), None) if match else None
    index = next((i for i, step in enumerate(mode.steps) if step.filter == name), None)
    place: toml.KeyPath = ("step", index) if index is not None else ()
    try:
        line = toml.read(Path(mode.path)).line(*place, option or "filter")
    except EnvironmentFault:
        line = 1
    what = ": ".join(part for part in (name, option) if part)
    where = f"mode file {mode.path}:{line}: {what + ': ' if what else ''}"
    return f"{where}FFmpeg refuses it: {reason(complaint)}"


def reason(complaint: str) -> str:
    """Return what FFmpeg complains of, without where in its program."""
    return re.sub(r"\[[^]]*\] ", "", complaint)
