"""What was said on the command line, to a Request: sources, output, size, mode, format."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ffprep.config.modes import AUTO, picked
from ffprep.config.sidecars import PhotoOverrides
from ffprep.core.formats import OUTPUT_FORMATS, SUFFIXES, OutputFormat, output_format_of
from ffprep.core.geometry import Bounds, Focus, Size
from ffprep.core.location import Location, Remote, located, names_url
from ffprep.core.mode import Fallback, Mode
from ffprep.core.policy import ClusterOptions, Policy, RerunOptions, Retry, ThrottleOptions
from ffprep.core.spec import NOT_CHOSEN, SizeChoice, Spec
from ffprep.core.target import Target
from ffprep.errors import UsageError
from ffprep.library.naming import Names
from ffprep.library.plan import Request
from ffprep.library.selection import Selection
from ffprep.library.sources import Sources
from ffprep.library.walk import is_folder, require_no_picture
from ffprep.options.types import Automatic
from ffprep.run.convert_options import (
    ConvertOptions,
    NotifyOptions,
    ReportOptions,
    WorkerOptions,
)
from ffprep.run.depfile import Depfile
from ffprep.system.files import LEDGER


def read_request(given: Mapping[str, Any]) -> Request:
    """The Request that the options of `convert` make. Raises UsageError."""
    sources = Sources.read(given["sources"], given["sources_from"], given["from_null"])
    if not given["output"]:
        raise UsageError("-o: OUT is empty; name a file or a folder")
    output = located(given["output"])
    _require_local(given, sources, output)
    named = _file_format(given["output"], sources.only)
    single = named is not None
    target = read_target(given["size"], given["target"], given["targets"])
    mode, fallback = read_modes(given)
    size, choice = _size_or_choice(target.frame(mode))
    spec = Spec(
        size=size,
        choice=choice,
        mode=mode,
        format=_format(given["format_name"], named, output, target),
        quality=given["quality"],
        subsampling=given["subsampling"],
        lossless=given["lossless"],
        compression=given["compression"],
        max_bytes=_max_bytes(given["max_bytes"], target),
        alpha=target.alpha,
        colour=given["colour"],
        metadata=given["metadata"],
        background=given["background"],
        focus=given["focus"],
        bounds=given["crop_bounds"],
        fallback=fallback,
    )
    names = Names(given["names"])
    if fallback and "mode" in names.fields:
        raise UsageError(
            "--names: which {mode} it is, no name can say before its photo is looked at"
        )
    same_format = given["format_name"] == "same" and not single
    if not same_format:
        _require_no_contradiction(spec)
    shard = given.get("shard")
    if single and shard:
        raise UsageError("--shard is for output folders, and OUT is a file")
    if spec.choice and names.tells_size:
        words = "the size is chosen when a photo is looked at, so no name can tell it"
        raise UsageError(f"--names: {words}; say --target {target.name}/WxH")
    aims = read_aims(given)
    aims.require_sound(spec)
    return Request(
        sources,
        output,
        spec,
        single,
        overrides=aims,
        names=names,
        same_format=same_format,
        follow_links=given["follow_links"],
        selection=Selection.of(given["include"], given["exclude"], given["since"]),
        shard=shard,
    )


def _file_format(out: str, source: str | None) -> OutputFormat | None:
    """The format of the file that OUT is, for the only source; None where it is a folder. Raises UsageError."""
    output = located(out)
    if out.endswith(("/", os.sep)) or is_folder(output):
        return None
    if source is not None and output.suffix and not is_folder(source):
        return _format_of(output)
    if os.path.exists(output):
        raise UsageError(f"{output} is a file; several sources, or a folder, need an output folder")
    return None


def read_convert(params: Mapping[str, Any]) -> ConvertOptions:
    """Return the ConvertOptions of the parameters of `convert`. Raise UsageError if they contradict one another."""
    request = read_request(params)
    policy = Policy(
        upscale=params["upscale"],
        keep_damaged=params["damaged"] == "keep",
        preserve_times=params["preserve_times"],
        fsync=params["fsync"],
        timeout=params["timeout"],
        max_pixels=params["max_pixels"],
        max_memory=params["max_memory"],
    )
    return ConvertOptions(
        request=request,
        policy=policy,
        rerun=_rerun(params, request),
        throttle=_throttle(params, grace=policy.timeout),
        workers=WorkerOptions(params["jobs"], _cluster(params), params["ffmpeg"]),
        reporting=read_reporting(params),
        notify=read_notify(params),
        depfile=_depfile(params),
    )


def read_reporting(params: Mapping[str, Any]) -> ReportOptions:
    """Return what is printed and logged."""
    return ReportOptions(
        json=params["as_json"],
        quiet=params["quiet"],
        verbose=params["verbose"],
        log_file=params["log_file"],
        log_format=params["log_format"],
        dry_run=params["dry_run"],
    )


def read_notify(params: Mapping[str, Any]) -> NotifyOptions:
    """Return what is to happen when the run has ended."""
    return NotifyOptions(params["summary_file"], params["metrics_file"], params["on_finish"])


def _throttle(params: Mapping[str, Any], grace: float) -> ThrottleOptions:
    return ThrottleOptions(
        nice=params["nice"],
        idle=params["idle"],
        max_time=params["max_time"],
        max_load=params["max_load"],
        grace=grace,
    )


def _cluster(given: Mapping[str, Any]) -> ClusterOptions | None:
    """The cluster that is asked for. Raises UsageError."""
    if given["cluster"] is None:
        return None
    if not given["cluster"].strip():
        raise UsageError("--cluster is empty; write a scheduler's address, or leave it out")
    for name in ("nice", "idle", "max_load"):
        if given[name] != getattr(ThrottleOptions(), name):
            words = f"--{name.replace('_', '-')} is about this machine"
            raise UsageError(f"{words}, and with --cluster the work is on others")
    jobs = given["jobs"]
    return ClusterOptions(given["cluster"], None if isinstance(jobs, Automatic) else jobs)


_OF_FILES = {
    "checksum": "goes by the contents of files, and objects are not read for it; their ETags tell of them",
    "adopt": "looks into files, and not into objects",
    "depfile": "make knows no URLs",
}


def _require_local(given: Mapping[str, Any], sources: Sources, output: Location) -> None:
    """Raise UsageError for what is asked of objects in a store, and is done with files only."""
    remote = isinstance(output, Remote)
    if remote and given.get("preserve_times"):
        raise UsageError("--preserve-times: a store gives an object its own time")
    for name, why in _OF_FILES.items():
        if given.get(name) and (remote or any(names_url(os.fspath(each)) for each in sources)):
            raise UsageError(f"--{name}: {why}; leave it out")


def _depfile(given: Mapping[str, Any]) -> Depfile | None:
    """The depfile that is asked for. Raises UsageError."""
    if not given["depfile"]:
        if given["depfile_target"]:
            raise UsageError("--depfile-target is for a --depfile; name its FILE")
        return None
    require_no_picture("--depfile", given["depfile"])
    # A list may be a pipe as well, such as a shell's <(find ...): nothing that make could look at.
    lists = [Path(file) for file in given["sources_from"] if os.path.isfile(file)]
    others = (*([given["config"]] if given["config"] else []), *given["targets"], *lists)
    return Depfile(given["depfile"], given["depfile_target"] or given["output"], others)


def _rerun(given: Mapping[str, Any], request: Request) -> RerunOptions:
    """What is done again, and what is not. Raises UsageError."""
    if request.single or given["ledger"] == "none":
        for name in ("checksum", "adopt", "retry_failed", "prune"):
            if given[name]:
                words = f"--{name.replace('_', '-')} goes by the ledger"
                raise UsageError(f"{words}, and there is none for a single file or --ledger none")
    if request.single and given["ledger"] not in (None, "none"):
        raise UsageError("--ledger is for output folders, and OUT is a file")
    if given["force"] and (given["retry_failed"] or given["adopt"]):
        raise UsageError("--force does everything again; leave out --retry-failed and --adopt")
    retry = Retry.ONLY if given["retry_failed"] else Retry(given["retry"])
    return RerunOptions(
        force=given["force"],
        checksum=given["checksum"],
        adopt=given["adopt"],
        retry=retry,
        ledger=_ledger(given, request),
        prune=given["prune"],
        wait=given["wait"] or 0.0,
    )


def _ledger(given: Mapping[str, Any], request: Request) -> Location | None:
    """Where the ledger lies; None where there is none."""
    if request.single or given["ledger"] == "none":
        return None
    return located(given["ledger"]) if given["ledger"] else request.output / LEDGER


def _require_no_contradiction(spec: Spec) -> None:
    """Raise UsageError where an option is for another format than the one that is written."""
    if spec.lossless and spec.format.name == "jpeg":
        raise UsageError("--lossless: JPEG always loses something; write webp or png")
    if spec.subsampling != "auto" and spec.format.name != "jpeg":
        raise UsageError(f"--subsampling is JPEG's, and the output is {spec.format.name}")


def read_sheet(photo: Path, output: Path, mode: Mode, given: Mapping[str, Any]) -> Spec:
    """The Spec of a contact sheet, but for its size: that of its pictures. Raises UsageError."""
    format = _format_of(output)
    if format is None:
        known = ", ".join(suffix for f in OUTPUT_FORMATS.values() for suffix in f.suffixes)
        raise UsageError(f"{output}: a sheet is a picture file; its name ends in one of {known}")
    if os.path.exists(output) and os.path.exists(photo) and os.path.samefile(photo, output):
        raise UsageError(f"{output} is the photo itself, and sources are never overwritten")
    return Spec(
        size=read_target(given["size"], given["target"], given["targets"]).only_size,
        mode=mode,
        format=format,
        background=given["background"],
        focus=given["focus"],
        bounds=given["crop_bounds"],
    )


def read_modes(
    given: Mapping[str, Any], default: str | None = None
) -> tuple[Mode, Fallback | None]:
    """The mode of --mode or --scene, and the one for photos of which it would cut too much. Raises UsageError."""
    name, scene, max_loss = given.get("mode"), given["scene"], given["max_loss"]
    if "" in (name, scene):
        words = "is empty; name one, or leave it out"
        raise UsageError(f"{'--mode' if name == '' else '--scene'}: {words}")
    if name and scene:
        raise UsageError("--mode and --scene exclude one another: a scene picks the mode")
    mode, fallback = picked(name or default, scene, max_loss, filter_folders(given["filters"]))
    if max_loss is not None and not fallback:
        words = f"scene {scene} is always" if scene else "this is always"
        raise UsageError(f"--max-loss is for --mode auto; {words} {mode.name}")
    return mode, fallback


def read_aims(given: Mapping[str, Any]) -> PhotoOverrides:
    """What it takes to read the words that single photos have of their own."""
    folders = tuple(filter_folders(given["filters"]))
    return PhotoOverrides(given.get("photos", {}), folders, given.get("max_loss"))


def read_frames(given: Mapping[str, Any]) -> list[Spec]:
    """A Spec for each size of --size or --target, or for the choice of one, with the modes recommended.

    None without either. Raises UsageError, also where nothing is asked for that the other options could be about.
    """
    if given["size"] is None and given["target"] is None:
        for name, unsaid in (
            ("focus", Focus()),
            ("crop_bounds", Bounds()),
            ("scene", None),
            ("max_loss", None),
        ):
            if given[name] != unsaid:
                raise UsageError(
                    f"--{name.replace('_', '-')} is about a frame; say which, by --size or --target"
                )
        return []
    mode, fallback = read_modes(given, AUTO)
    target = read_target(given["size"], given["target"], given["targets"])
    framed = Spec(
        NOT_CHOSEN, mode, focus=given["focus"], bounds=given["crop_bounds"], fallback=fallback
    )
    frames: list[Size | SizeChoice] = [size for _, size in target.sizes]
    frames = frames or [target.frame(mode)]
    sizes = map(_size_or_choice, frames)
    return [replace(framed, size=size, choice=choice) for size, choice in sizes]


def _size_or_choice(frame: Size | SizeChoice) -> tuple[Size, SizeChoice | None]:
    """A Spec's `size` and `choice`."""
    return (frame, None) if isinstance(frame, Size) else (NOT_CHOSEN, frame)


def _format_of(output: Location) -> OutputFormat | None:
    """The format that OUT's suffix asks for; None where the suffix is none of a picture's."""
    format = output_format_of(output.suffix)
    if format is None and output.suffix.lower() in SUFFIXES:
        known = ", ".join(suffix for f in OUTPUT_FORMATS.values() for suffix in f.suffixes)
        raise UsageError(f"{output}: ffprep does not write {output.suffix}; it writes {known}")
    return format


def _format(
    name: str | None, named: OutputFormat | None, output: Location, target: Target
) -> OutputFormat:
    if name == "same" and named is None:
        for each in OUTPUT_FORMATS.values():
            target.require_format(each)
        return OUTPUT_FORMATS["png"]  # of all formats, the one that contradicts nothing
    format = named or target.format
    if name in OUTPUT_FORMATS:
        format = OUTPUT_FORMATS[name]
    if format is None:
        raise UsageError(f"{target.name} takes none of the formats that ffprep writes")
    if named and named != format:
        raise UsageError(f"{output} is named like {named.name}, and --format says {name}")
    target.require_format(format)
    return format


def _max_bytes(given: int | None, target: Target) -> int | None:
    """The bytes that an output may have: what is asked for, which is no more than the target takes."""
    if given and target.max_bytes and given > target.max_bytes:
        raise UsageError(f"--max-bytes {given}: {target.name} takes {target.max_bytes} at most")
    return given or target.max_bytes


def read_target(size: Size | None, name: str | None, files: tuple[Path, ...] = ()) -> Target:
    """The Target of --size or --target, the latter also from `files`. Raises UsageError, EnvironmentFault."""
    if size is not None and name is not None:
        raise UsageError("--size and --target exclude one another; write --target NAME/WxH")
    if size is not None:
        return Target.of_size(size)
    if name is None:
        raise UsageError("which size? Say --size 1280x720, or --target NAME/SIZE")
    from ffprep.config.targets import find_target

    return find_target(name, target_files(files))


def filter_folders(given: tuple[Path, ...]) -> list[Path]:
    """The user's own folder, where there is one, and the folders named on the command line."""
    for folder in given:
        if not os.path.isdir(folder):
            raise UsageError(f"--filters {folder}: there is no such folder")
    own = Path(click.get_app_dir("ffprep")) / "filters"
    return [folder for folder in (own, *given) if os.path.isdir(folder)]


def target_files(given: tuple[Path, ...]) -> list[Path]:
    """The user's own file of targets, where there is one, and those named on the command line. Raises UsageError."""
    for file in given:
        if not os.path.exists(file) or os.path.isdir(file):
            raise UsageError(f"--targets {file}: there is no such file")
    own = Path(click.get_app_dir("ffprep")) / "targets.toml"
    return [*([own] if own.exists() else []), *given]
