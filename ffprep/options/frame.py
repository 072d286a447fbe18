"""Sizes, targets, modes and formats, as the options of several commands name them.

What the user has in the configuration folder is found too: `targets.toml`, and the folder
`filters`.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ffprep.core.formats import (
    FILMS,
    OUTPUT_FORMATS,
    SUFFIXES,
    WRITABLE_SUFFIXES,
    OutputFormat,
    output_format_of,
)
from ffprep.core.geometry import Bounds, Focus, Size
from ffprep.core.location import Location
from ffprep.core.spec import NOT_CHOSEN, SizeChoice, Spec
from ffprep.core.target import Target
from ffprep.errors import UsageError
from ffprep.record import replace

if TYPE_CHECKING:
    from ffprep.config.sidecars import PhotoOverrides
    from ffprep.core.mode import Fallback, Mode

_NOT_WRITTEN = frozenset(".pdf .svg .eps .psd .ico .tga .ppm .pgm .pnm .exr .hdr .xcf".split())
"""Suffixes of pictures that ffprep neither reads nor writes."""

# `check` needs no mode, so what reads modes is imported where one is named.


def read_target(size: Size | None, name: str | None, files: tuple[Path, ...] = ()) -> Target:
    """Return the Target of --size or --target, from `files` too.

    Raise UsageError, EnvironmentFault.
    """
    require_one_frame(size, name)
    if size is not None:
        return Target.of(size)
    if name is None:
        raise UsageError("no size is given; say --size 1280x720, or --target NAME/SIZE")
    from ffprep.config.targets import find_target

    return find_target(name, target_files(files))


def require_one_frame(size: Size | None, target: str | None) -> None:
    """Raise UsageError if both --size and --target are given."""
    if size is not None and target is not None:
        raise UsageError("--size and --target exclude one another; write --target NAME/WxH")


def target_files(files: tuple[Path, ...]) -> list[Path]:
    """Return the user's own file of targets, if it exists, and the `files` of --targets-file.

    Raise UsageError.
    """
    for file in files:
        require_file("--targets-file", file)
    own = Path(click.get_app_dir("ffprep")) / "targets.toml"
    return [*([own] if own.exists() else []), *files]


def require_file(option: str, file: Path) -> None:
    """Raise UsageError if a file to read does not exist, or is a folder."""
    if os.path.isdir(file):
        raise UsageError(f"{option} {file} is a folder; name a file")
    if not os.path.exists(file):
        raise UsageError(f"{option} {file}: the file does not exist")


def filter_folders(folders: tuple[Path, ...]) -> list[Path]:
    """Return the user's own folder of modes, if it exists, and the `folders` of --modes-dir.

    Raise UsageError.
    """
    for folder in folders:
        if not os.path.isdir(folder):
            raise UsageError(f"--modes-dir {folder}: the folder does not exist")
    own = Path(click.get_app_dir("ffprep")) / "filters"
    return [folder for folder in (own, *folders) if os.path.isdir(folder)]


def read_modes(
    params: Mapping[str, Any], default: str | None = None
) -> "tuple[Mode, Fallback | None]":
    """Return the mode of --mode or --scene, and the one for photos of which it would cut too much.

    Raise UsageError.
    """
    from ffprep.config.modes import choose_modes

    name, scene, max_loss = params.get("mode"), params["scene"], params["max_loss"]
    if "" in (name, scene):
        option = "--mode" if name == "" else "--scene"
        raise UsageError(f"{option} is empty; write a name, or leave it out")
    if name and scene:
        raise UsageError("--mode and --scene exclude one another: a scene determines the mode")
    mode, fallback = choose_modes(
        name or default, scene, max_loss, filter_folders(params["modes_dir"])
    )
    if max_loss is not None and not fallback:
        chosen = f"scene {scene}" if scene else "the mode"
        raise UsageError(f"--max-loss is for --mode auto; {chosen} is always {mode.name}")
    return mode, fallback


def read_overrides(params: Mapping[str, Any]) -> "PhotoOverrides":
    """Return how single photos are framed in their own way: by `ffprep.toml`, and by sidecars."""
    from ffprep.config.sidecars import PhotoOverrides

    folders = tuple(filter_folders(params["modes_dir"]))
    return PhotoOverrides(params.get("photos", {}), folders, params.get("max_loss"))


def size_or_target_of_each(
    sizes: tuple[Size, ...], targets: tuple[str, ...]
) -> Iterator[tuple[Size | None, str | None]]:
    """Yield the size or the target of each picture. Raise UsageError."""
    if not targets:
        yield from ((size, None) for size in sizes or (None,))
        return
    if not sizes:
        yield from ((None, target) for target in targets)
        return
    if len(targets) > 1:
        raise UsageError("--size goes with one --target only; write --target NAME/WxH for each")
    (target,) = targets
    if "/" in target:
        raise UsageError(f"--target {target} has a size already; leave out --size")
    yield from ((None, f"{target}/{size}") for size in sizes)


def read_frames(params: Mapping[str, Any]) -> list[Spec]:
    """Return a Spec, in the recommended mode, for each size of --size or --target.

    Without either, return none; raise UsageError if another option is about a frame.
    """
    if not params["size"] and not params["target"]:
        defaults = {"focus": Focus(), "crop_bounds": Bounds(), "scene": None, "max_loss": None}
        for name, default in defaults.items():
            if params[name] != default:
                option = f"--{name.replace('_', '-')}"
                raise UsageError(f"{option} needs a frame; say --size or --target")
        return []
    from ffprep.config.modes import AUTO

    mode, fallback = read_modes(params, AUTO)
    framed = Spec(
        NOT_CHOSEN, mode, focus=params["focus"], bounds=params["crop_bounds"], fallback=fallback
    )
    found = dict[Spec, None]()
    for each in size_or_target_of_each(params["size"], params["target"]):
        target = read_target(*each, params["targets_file"])
        frames: list[Size | SizeChoice] = [size for _, size in target.sizes]
        for size, choice in map(size_or_choice, frames or [target.frame(mode)]):
            found[replace(framed, size=size, choice=choice)] = None
    return list(found)


def size_or_choice(frame: Size | SizeChoice) -> tuple[Size, SizeChoice | None]:
    """Return a Spec's `size` and `choice`."""
    return (frame, None) if isinstance(frame, Size) else (NOT_CHOSEN, frame)


def suffix_format(output: Location) -> OutputFormat | None:
    """Return the format that an output's suffix names; None if it names no picture format.

    Raise UsageError for a format that ffprep does not write.
    """
    format = output_format_of(output.suffix)
    if format is None and output.suffix.lower() in SUFFIXES | FILMS | _NOT_WRITTEN:
        words = f"ffprep does not write {output.suffix}; it writes {WRITABLE_SUFFIXES}"
        raise UsageError(f"{output}: {words}")
    return format


def require_name_of_folder(output: Location) -> None:
    """Raise UsageError if the name of an output folder ends like that of a picture."""
    if suffix_format(output):
        words = "several photos, or a folder, need an output folder"
        folder = os.path.splitext(os.fspath(output))[0]
        raise UsageError(f"{output} is named like a picture; {words}: -o {folder}/")


def read_format(
    name: str | None, named: OutputFormat | None, output: Location, target: Target
) -> OutputFormat:
    """Return the format: that of --format, else of OUT's suffix (`named`), else the target's.

    Raise UsageError.
    """
    if name == "same" and named is None:
        for each in ("jpeg", "png", "webp"):  # others become one of them, if need be
            target.require_format(OUTPUT_FORMATS[each])
        return OUTPUT_FORMATS["png"]  # the format that allows all other options
    format = named or target.format
    if name in OUTPUT_FORMATS:
        format = OUTPUT_FORMATS[name]
    if format is None:
        raise UsageError(f"{target.name} accepts none of the formats that ffprep writes")
    if named and named != format:
        raise UsageError(f"{output} has the suffix of {named.name}, but --format is {name}")
    target.require_format(format)
    return format


def read_max_bytes(asked: int | None, target: Target) -> int | None:
    """Return the limit of an output's bytes.

    Raise UsageError if more is asked for than the target allows.
    """
    if asked and target.max_bytes and asked > target.max_bytes:
        raise UsageError(f"--max-bytes {asked}: {target.name} takes {target.max_bytes} at most")
    return asked or target.max_bytes


def require_no_contradiction(spec: Spec) -> None:
    """Raise UsageError if an option is for another format than that of the output."""
    name, subsampled = spec.format.name, spec.subsampling != "auto"
    if spec.lossless and name == "jpeg":
        raise UsageError("--lossless: JPEG is never lossless; write webp, avif, jxl or png")
    if subsampled and name not in ("jpeg", "avif"):
        raise UsageError(f"--subsampling is for JPEG and AVIF, and the output is {name}")
    if subsampled and spec.lossless:
        raise UsageError("--subsampling: a lossless AVIF has all chroma; drop --lossless")
    if spec.depth != 8 and name != "avif":
        raise UsageError(f"--depth {spec.depth} is for AVIF, and the output is {name}")
    if spec.optimize and spec.format.name != "jpeg":
        raise UsageError(f"--optimize is for JPEG, and the output is {spec.format.name}")
