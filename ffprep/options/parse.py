"""Parse the options of `convert`, once, into ConvertOptions."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ffprep.core.formats import OUTPUT_FORMATS, OutputFormat
from ffprep.core.location import Location, Remote, located, names_url
from ffprep.core.policy import ClusterOptions, Policy, RerunOptions, Retry, ThrottleOptions
from ffprep.core.spec import Spec
from ffprep.core.target import Target
from ffprep.errors import UsageError
from ffprep.library.naming import Names
from ffprep.library.plan import Request
from ffprep.library.selection import Selection
from ffprep.library.sources import Sources
from ffprep.library.walk import is_folder, require_no_picture
from ffprep.options.frame import (
    read_modes,
    read_overrides,
    read_target,
    size_or_choice,
    suffix_format,
)
from ffprep.options.types import Automatic
from ffprep.run.convert_options import (
    ConvertOptions,
    NotifyOptions,
    ReportOptions,
    WorkerOptions,
)

if TYPE_CHECKING:
    from ffprep.run.depfile import Depfile

from ffprep.system.files import LEDGER


def read_request(params: Mapping[str, Any]) -> Request:
    """The Request that the options of `convert` make. Raises UsageError."""
    sources = Sources.read(params["sources"], params["sources_from"], params["from_null"])
    if not params["output"]:
        raise UsageError("-o: OUT is empty; name a file or a folder")
    output = located(params["output"])
    _require_local(params, sources, output)
    named = _file_format(params["output"], sources.only)
    single = named is not None
    target = read_target(params["size"], params["target"], params["targets"])
    mode, fallback = read_modes(params)
    size, choice = size_or_choice(target.frame(mode))
    spec = Spec(
        size=size,
        choice=choice,
        mode=mode,
        format=_format(params["format_name"], named, output, target),
        quality=params["quality"],
        subsampling=params["subsampling"],
        lossless=params["lossless"],
        compression=params["compression"],
        max_bytes=_max_bytes(params["max_bytes"], target),
        alpha=target.alpha,
        colour=params["colour"],
        metadata=params["metadata"],
        background=params["background"],
        focus=params["focus"],
        bounds=params["crop_bounds"],
        fallback=fallback,
    )
    names = Names(params["names"])
    if fallback and "mode" in names.fields:
        raise UsageError(
            "--names: which {mode} it is, no name can say before its photo is looked at"
        )
    same_format = params["format_name"] == "same" and not single
    if not same_format:
        _require_no_contradiction(spec)
    shard = params.get("shard")
    if single and shard:
        raise UsageError("--shard is for output folders, and OUT is a file")
    if spec.choice and names.tells_size:
        words = "the size is chosen when a photo is looked at, so no name can tell it"
        raise UsageError(f"--names: {words}; say --target {target.name}/WxH")
    overrides = read_overrides(params)
    overrides.validate(spec)
    return Request(
        sources,
        output,
        spec,
        single,
        overrides=overrides,
        names=names,
        same_format=same_format,
        follow_links=params["follow_links"],
        selection=Selection.of(params["include"], params["exclude"], params["since"]),
        shard=shard,
    )


def _file_format(out: str, source: str | None) -> OutputFormat | None:
    """The format of the file that OUT is, for the only source; None where it is a folder. Raises UsageError."""
    output = located(out)
    if out.endswith(("/", os.sep)) or is_folder(output):
        return None
    if source is not None and output.suffix and not is_folder(source):
        return suffix_format(output)
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


def read_notify(params: Mapping[str, Any]) -> NotifyOptions | None:
    """Return what is to happen when the run has ended; None if nothing is."""
    options = NotifyOptions(params["summary_file"], params["metrics_file"], params["on_finish"])
    return None if options == NotifyOptions() else options


def _throttle(params: Mapping[str, Any], grace: float) -> ThrottleOptions:
    return ThrottleOptions(
        nice=params["nice"],
        idle=params["idle"],
        max_time=params["max_time"],
        max_load=params["max_load"],
        grace=grace,
    )


def _cluster(params: Mapping[str, Any]) -> ClusterOptions | None:
    """The cluster that is asked for. Raises UsageError."""
    if params["cluster"] is None:
        return None
    if not params["cluster"].strip():
        raise UsageError("--cluster is empty; write a scheduler's address, or leave it out")
    for name in ("nice", "idle", "max_load"):
        if params[name] != getattr(ThrottleOptions(), name):
            words = f"--{name.replace('_', '-')} is about this machine"
            raise UsageError(f"{words}, and with --cluster the work is on others")
    jobs = params["jobs"]
    return ClusterOptions(params["cluster"], None if isinstance(jobs, Automatic) else jobs)


_OF_FILES = {
    "checksum": "goes by the contents of files, and objects are not read for it; their ETags tell of them",
    "adopt": "looks into files, and not into objects",
    "depfile": "make knows no URLs",
}


def _require_local(params: Mapping[str, Any], sources: Sources, output: Location) -> None:
    """Raise UsageError for what is asked of objects in a store, and is done with files only."""
    remote = isinstance(output, Remote)
    if remote and params.get("preserve_times"):
        raise UsageError("--preserve-times: a store gives an object its own time")
    for name, why in _OF_FILES.items():
        if params.get(name) and (remote or any(names_url(os.fspath(each)) for each in sources)):
            raise UsageError(f"--{name}: {why}; leave it out")


def _depfile(params: Mapping[str, Any]) -> "Depfile | None":
    """The depfile that is asked for. Raises UsageError."""
    if not params["depfile"]:
        if params["depfile_target"]:
            raise UsageError("--depfile-target is for a --depfile; name its FILE")
        return None
    from ffprep.run.depfile import Depfile

    require_no_picture("--depfile", params["depfile"])
    # A list may be a pipe as well, such as a shell's <(find ...): nothing that make could look at.
    lists = [Path(file) for file in params["sources_from"] if os.path.isfile(file)]
    others = (*([params["config"]] if params["config"] else []), *params["targets"], *lists)
    return Depfile(params["depfile"], params["depfile_target"] or params["output"], others)


def _rerun(params: Mapping[str, Any], request: Request) -> RerunOptions:
    """What is done again, and what is not. Raises UsageError."""
    if request.single or params["ledger"] == "none":
        for name in ("checksum", "adopt", "retry_failed", "prune"):
            if params[name]:
                words = f"--{name.replace('_', '-')} goes by the ledger"
                raise UsageError(f"{words}, and there is none for a single file or --ledger none")
    if request.single and params["ledger"] not in (None, "none"):
        raise UsageError("--ledger is for output folders, and OUT is a file")
    if params["force"] and (params["retry_failed"] or params["adopt"]):
        raise UsageError("--force does everything again; leave out --retry-failed and --adopt")
    retry = Retry.ONLY if params["retry_failed"] else Retry(params["retry"])
    return RerunOptions(
        force=params["force"],
        checksum=params["checksum"],
        adopt=params["adopt"],
        retry=retry,
        ledger=_ledger(params, request),
        prune=params["prune"],
        wait=params["wait"] or 0.0,
    )


def _ledger(params: Mapping[str, Any], request: Request) -> Location | None:
    """Where the ledger lies; None where there is none."""
    if request.single or params["ledger"] == "none":
        return None
    return located(params["ledger"]) if params["ledger"] else request.output / LEDGER


def _require_no_contradiction(spec: Spec) -> None:
    """Raise UsageError where an option is for another format than the one that is written."""
    if spec.lossless and spec.format.name == "jpeg":
        raise UsageError("--lossless: JPEG always loses something; write webp or png")
    if spec.subsampling != "auto" and spec.format.name != "jpeg":
        raise UsageError(f"--subsampling is JPEG's, and the output is {spec.format.name}")


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


def _max_bytes(asked: int | None, target: Target) -> int | None:
    """The bytes that an output may have: what is asked for, which is no more than the target takes."""
    if asked and target.max_bytes and asked > target.max_bytes:
        raise UsageError(f"--max-bytes {asked}: {target.name} takes {target.max_bytes} at most")
    return asked or target.max_bytes
