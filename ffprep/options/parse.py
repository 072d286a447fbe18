"""Parse the options of `convert`, once, into ConvertOptions."""

import math
import os
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from threading import TIMEOUT_MAX
from typing import TYPE_CHECKING, Any

from ffprep.core.formats import OutputFormat
from ffprep.core.geometry import Size, read_size
from ffprep.core.location import Location, located, names_url
from ffprep.core.mode import Fit
from ffprep.core.policy import (
    ClusterOptions,
    DryRun,
    PhotoFilter,
    Policy,
    RerunOptions,
    Retry,
    ThrottleOptions,
)
from ffprep.core.spec import Spec
from ffprep.core.target import Target
from ffprep.errors import UsageError
from ffprep.library.naming import Names
from ffprep.library.request import Rendition, Request, Sources
from ffprep.library.selection import Selection, read_patterns
from ffprep.library.walk import is_folder
from ffprep.options.command import picked
from ffprep.options.frame import (
    read_format,
    read_max_bytes,
    read_modes,
    read_overrides,
    read_target,
    require_name_of_folder,
    require_no_contradiction,
    size_or_choice,
    suffix_format,
)
from ffprep.options.types import Automatic
from ffprep.record import replace
from ffprep.run.convert_options import ConvertOptions, NotifyOptions, ReportOptions, WorkerOptions
from ffprep.system.files import LEDGER

STDOUT = "-"
"""The OUT that stands for the standard output."""

_NAMES_BESIDE = "{stem}_{width}x{height}"
"""The names of outputs beside their photo."""

_OUT_EXAMPLE = "add -o OUT, for example -o ready/"

if TYPE_CHECKING:
    from ffprep.core.mode import Mode


def read_convert(params: Mapping[str, Any]) -> ConvertOptions:
    """Parse the parameters of `convert`. Raise UsageError if they contradict one another."""
    request = read_request(params)
    rerun = _rerun(params, request)
    policy = Policy(
        **picked(params, "upscale max_cut preserve_times fsync timeout max_pixels max_memory"),
        keep_damaged=params["damaged"] == "keep",
        hash_files=rerun.ledger is not None,
        filter=_filter(params),
    )
    status_command = _status_command(params, request) if rerun.ledger else ""
    return ConvertOptions(
        request=request,
        policy=policy,
        rerun=rerun,
        throttle=_throttle(params, grace=policy.timeout),
        workers=WorkerOptions(params["jobs"], _cluster(params), params["ffmpeg"]),
        reporting=replace(read_reporting(params), status_command=status_command),
        notify=read_notify(params),
        **_written_files(params, rerun),
    )


def read_request(params: Mapping[str, Any]) -> Request:
    """Return what to convert, and to what, by the parameters of `convert` or `submit`.

    Raise UsageError.
    """
    sources = Sources.read(params["sources"], params["sources_from"], params["from_null"])
    beside = params["output"] is None
    if beside:
        output = _place_beside(params, sources)
        if params["names"] == Names().template:
            params = {**params, "names": _NAMES_BESIDE}
    else:
        output = located(params["output"])
    _require_local(params, sources, output)
    file_format = None if beside else _file_format(params, sources)
    single = file_format is not None or beside or params["output"] == STDOUT
    renditions = _read_renditions(params, file_format, output)
    dated = any("date" in rendition.names.fields for rendition in renditions)
    if dated and any(names_url(os.fspath(each)) for each in sources):
        raise UsageError("--names: {date} is not known before an object is downloaded")
    shard = params.get("shard")
    for name in ("shard", "root"):
        if single and params.get(name):
            raise UsageError(f"--{name} needs an output folder: -o FOLDER/")
    overrides = read_overrides(params)
    for rendition in renditions:
        overrides.validate(rendition.spec)
    return Request(
        sources,
        output,
        renditions,
        single,
        overrides=overrides,
        follow_links=params["follow_links"],
        selection=Selection(
            read_patterns("--include", params["include"]),
            read_patterns("--exclude", params["exclude"]),
            params["since"],
            not params["no_default_excludes"],
        ),
        shard=shard,
        root=params.get("root") or "",
        beside=beside,
        carry=tuple(chain.from_iterable(params.get("carry") or ())),
    )


def _read_renditions(
    params: Mapping[str, Any], file_format: OutputFormat | None, output: Location
) -> tuple[Rendition, ...]:
    """Return the pictures that are made of each photo. Raise UsageError."""
    sizes, targets = params["size"], params["target"]
    if params.get("pictures") or len(sizes) + len(targets) > 1:
        from ffprep.options.renditions import read_several

        return read_several(params, file_format, output)
    (size,), (target,) = sizes or (None,), targets or (None,)
    return (read_rendition(params, size, target, file_format, output),)


def read_rendition(
    params: Mapping[str, Any],
    size: Size | None,
    target_name: str | None,
    file_format: OutputFormat | None,
    output: Location,
) -> Rendition:
    """Return what is made for one size or target. Raise UsageError.

    `file_format` is that of OUT if it is a file.
    """
    target = read_target(size, target_name, params["targets_file"])
    spec = _spec(params, target, file_format, output)
    same_format = params["format_name"] == "same" and file_format is None
    if not same_format:
        require_no_contradiction(spec)
    names = Names(params["names"])
    if spec.fallback and "mode" in names.fields:
        raise UsageError(
            "--names: {mode} is not known before a photo is read; leave it out, or name one --mode"
        )
    return Rendition(spec, names, same_format, formats=target.formats)


def _filter(params: Mapping[str, Any]) -> PhotoFilter | None:
    if not (params["only"] or params["min_size"] or params["min_mpx"]):
        return None
    return PhotoFilter(params["only"], params["min_size"], 1e6 * (params["min_mpx"] or 0))


def _spec(
    params: Mapping[str, Any], target: Target, file_format: OutputFormat | None, output: Location
) -> Spec:
    mode, fallback = read_modes(params)
    size, choice = size_or_choice(target.frame(mode, _multiple_of(params, mode)))
    return Spec(
        size=size,
        choice=choice,
        mode=mode,
        format=read_format(params["format_name"], file_format, output, target),
        **picked(params, "quality subsampling depth optimize fast sharpen lossless compression"),
        **picked(params, "colour metadata date background focus"),
        max_bytes=read_max_bytes(params["max_bytes"], target),
        alpha=target.alpha,
        bounds=params["crop_bounds"],
        fallback=fallback,
        frame=params.get("frame"),
    )


def _multiple_of(params: Mapping[str, Any], mode: "Mode") -> int:
    """Return what the sides are multiples of. Raise UsageError if the mode has a fixed size."""
    number = params["multiple_of"]
    if number is not None and mode.effective_fit is not Fit.INSIDE:
        problem = f"mode {mode.name} makes exactly the size of --size"
        raise UsageError(f"--multiple-of is for --mode fit; {problem}")
    return number or 1


def _file_format(params: Mapping[str, Any], sources: Sources) -> OutputFormat | None:
    """Return the format of OUT if it is a file, for the only source.

    Return None if it is a folder, or stdout. Raise UsageError.
    """
    out, source = params["output"], sources.only
    if not out:
        raise UsageError("-o: OUT is empty; name a file or a folder")
    if out == STDOUT:
        _require_one_picture(params, sources)
        return None
    output = located(out)
    if out.endswith(("/", os.sep)) or is_folder(output):
        return None
    if source is not None and output.suffix and not is_folder(source):
        return suffix_format(output)
    if os.path.exists(output):
        raise UsageError(f"{output} is a file; several sources, or a folder, need an output folder")
    require_name_of_folder(output)
    return None


def _place_beside(params: Mapping[str, Any], sources: Sources) -> Location:
    """Return the folder of the only SOURCE, for its outputs. Raise UsageError if it is not a photo.

    The error says which argument was probably meant as OUT.
    """
    photo, arguments = sources.only, params["sources"]
    if photo is None:
        if params["sources_from"] or params["from_null"] or "-" in arguments:
            raise UsageError(f"a list of photos needs an output folder; {_OUT_EXAMPLE}")
        raise UsageError(
            _meant(arguments) or f"several sources need an output folder; {_OUT_EXAMPLE}"
        )
    if names_url(photo):
        raise UsageError(f"outputs of {photo} need a place; add -o OUT, a path or a URL")
    if is_folder(photo):
        raise UsageError(f"{photo} is a folder, and its outputs need one; {_OUT_EXAMPLE}")
    if params["depfile"] and not params["depfile_target"]:
        raise UsageError("--depfile needs the name of the output; add -o OUT")
    return Path(photo).parent


def _meant(arguments: Sequence[str]) -> str:
    """Return a question about the last argument, which may be OUT or a size; "" if it is not."""
    last = arguments[-1]
    if os.path.exists(last) and not (last.endswith("/") or os.path.isdir(last)):
        return ""
    try:
        return f"{last} is not a file; did you mean --size {read_size(last)}?"
    except UsageError:
        return f"no output is named; did you mean -o {last}?"


def _require_one_picture(params: Mapping[str, Any], sources: Sources) -> None:
    """Raise UsageError if the options name more than one picture, or need a named output."""
    photo = sources.only
    if photo is None or is_folder(photo):
        raise UsageError("-o - writes one picture to stdout; name one photo, or an output folder")
    if len(params["size"]) > 1 or len(params["target"]) > 1:
        raise UsageError("-o - writes one picture to stdout; name one size, or an output folder")
    for name in ("json", "dry_run", "depfile", "cluster"):
        if params["as_json" if name == "json" else name]:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} needs a named output, and -o - is stdout")


def read_reporting(params: Mapping[str, Any]) -> ReportOptions:
    """Return what is printed and logged."""
    return ReportOptions(
        **picked(params, "quiet verbose log_file log_format"),
        json=params["as_json"],
        dry_run=DryRun(params["dry_run"]) if params["dry_run"] else None,
        to_stdout=params["output"] == STDOUT,
        only_new_failures=params["failures"] == "new",
    )


def _cluster(params: Mapping[str, Any]) -> ClusterOptions | None:
    """Return the Dask cluster, if there is one. Raise UsageError."""
    if params["cluster"] is None:
        return None
    if not params["cluster"].strip():
        raise UsageError("--cluster is empty; write the address of a scheduler, or leave it out")
    for name in ("nice", "idle", "max_load"):
        if params[name] != getattr(ThrottleOptions(), name):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} limits this machine, and --cluster converts on others")
    jobs = params["jobs"]
    return ClusterOptions(params["cluster"], None if isinstance(jobs, Automatic) else jobs)


def _written_files(params: Mapping[str, Any], rerun: RerunOptions) -> dict[str, Any]:
    """Return the files that few runs write, as fields of ConvertOptions. Raise UsageError."""
    if not any(params[name] for name in ("depfile", "depfile_target", "report", "manifest")):
        return {}
    from ffprep.options.written_files import read_depfile, read_manifest, read_report

    return {
        "depfile": read_depfile(params),
        "report": read_report(params),
        "manifest": read_manifest(params, has_ledger=rerun.ledger is not None),
    }


def read_notify(params: Mapping[str, Any]) -> NotifyOptions | None:
    """Return what is to happen when the run has ended; None if nothing is."""
    options = NotifyOptions(params["summary_file"], params["metrics_file"], params["on_finish"])
    return None if options == NotifyOptions() else options


def _throttle(params: Mapping[str, Any], grace: float) -> ThrottleOptions:
    # The type of the option cuts infinity to the longest time that Python can wait.
    max_time = params["max_time"] if params["max_time"] < TIMEOUT_MAX else math.inf
    throttle = picked(params, "nice idle max_load")
    return ThrottleOptions(**throttle, max_time=max_time, grace=grace)


_LOCAL_ONLY = {
    "checksum": "only local files are read for it; objects are compared by their ETags anyway",
    "adopt": "only local outputs are read for it",
    "depfile": "make knows no URLs",
    "carry": "only local files are copied",
    "manifest": "only local outputs are listed",
}


def _require_local(params: Mapping[str, Any], sources: Sources, output: Location) -> None:
    """Raise UsageError for an option that works only with local files, if there are URLs."""
    remote = names_url(os.fspath(output))
    if remote and params.get("preserve_times"):
        raise UsageError(
            "--preserve-times: a store sets the time of an object itself; leave it out"
        )
    for name, why in _LOCAL_ONLY.items():
        if params.get(name) and (remote or any(names_url(os.fspath(each)) for each in sources)):
            raise UsageError(f"--{name}: {why}; leave it out")


def _rerun(params: Mapping[str, Any], request: Request) -> RerunOptions:
    """Return what to convert again. Raise UsageError."""
    if request.single or params["ledger"] == "none":
        missing = "a single file has none" if request.single else "--ledger none keeps none"
        for name in ("checksum", "adopt", "retry_failed", "prune"):
            if params[name]:
                option = f"--{name.replace('_', '-')}"
                raise UsageError(f"{option} needs the ledger, and {missing}")
        if params["failures"] == "new":
            raise UsageError(f"--failures new needs the ledger, and {missing}")
    if request.single and params["ledger"] not in (None, "none"):
        raise UsageError("--ledger needs an output folder: -o FOLDER/")
    if params["prune_emptied"] and not params["prune"]:
        raise UsageError("--prune-emptied needs --prune")
    if params["force"] and (params["retry_failed"] or params["adopt"]):
        raise UsageError("--force converts everything; leave out --retry-failed and --adopt")
    retry = Retry.ONLY if params["retry_failed"] else Retry(params["retry"])
    return RerunOptions(
        **picked(params, "force checksum adopt prune prune_emptied"),
        retry=retry,
        ledger=_ledger(params, request),
        wait=params["wait"] or 0.0,
        unsettled=params.get("unsettled", frozenset()),
    )


def _ledger(params: Mapping[str, Any], request: Request) -> Location | None:
    """Return where the ledger is; None if there is none. Each shard has its own."""
    if request.single or params["ledger"] == "none":
        return None
    path = located(params["ledger"]) if params["ledger"] else request.output / LEDGER
    return request.shard.path_for(path) if request.shard else path


def _status_command(params: Mapping[str, Any], request: Request) -> str:
    """Return the command that shows what the ledger has."""
    import shlex

    command = ["ffprep", "status", str(request.output)]
    command += ["--ledger", params["ledger"]] if params["ledger"] else []
    return shlex.join(command)
