"""Parse the options of `ffprep submit` into SubmitOptions: photos, clips, server."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ffprep.config.targets import all_targets
from ffprep.core.formats import SUFFIXES
from ffprep.core.job import Result
from ffprep.core.location import Location, located
from ffprep.core.policy import DryRun, Policy
from ffprep.core.target import Target, numbers_text
from ffprep.errors import PhotoError, UsageError
from ffprep.library.plan import Plan
from ffprep.library.request import Request
from ffprep.library.walk import is_folder
from ffprep.options.frame import read_target, require_one_frame, target_files
from ffprep.options.parse import STDOUT, read_request
from ffprep.record import Record, field, replace
from ffprep.run.convert_options import ReportOptions
from ffprep.submit.clip import ClipOptions
from ffprep.submit.credentials import (
    Credentials,
    read_credentials,
    read_origins,
    require_key,
)
from ffprep.submit.openai_client import require_sdk
from ffprep.submit.polling import PollOptions
from ffprep.submit.prepare_picture import PictureOptions
from ffprep.submit.store import SubmissionStore, in_memory, open_read_only, open_store
from ffprep.submit.submission import Submission
from ffprep.submit.video_apis import AzureJobs, OpenAiVideos

_SUFFIX = ".mp4"
_DEFAULT_SECONDS = 4
_LENGTH_FIELDS = frozenset("duration seconds n_seconds duration_seconds video_length".split())
"""Fields of servers for the length of a clip, which --seconds sets."""
_OPTION_FIELDS = {
    "videos": frozenset("prompt size seconds model input_reference".split()),
    "vllm-omni": frozenset("prompt size seconds model input_reference input_references".split()),
    "azure-v1": frozenset(
        "prompt model files width height n_seconds n_variants inpaint_items".split()
    ),
}
"""The fields of each protocol that options set, and that --extra must not set."""


class SubmitOptions(Record):
    """All options of `submit`. `resumed_job` is the id of --resume; `request` is None with it.

    `output` is the clip, or the folder of clips; with `prints_clip`, no option names the clip, and
    its path is printed. `resume_options` are the options that a command needs, besides the job's
    id, to resume a job of this call. `notes` are sentences to say before the run.
    """

    clip: ClipOptions
    output: Location
    request: Request | None = None
    resumed_job: str = ""
    resume_options: tuple[str, ...] = ()
    prints_clip: bool = False
    notes: tuple[str, ...] = ()
    jobs: int = 1
    wait: float = 0.0
    reporting: ReportOptions = field(default_factory=ReportOptions)

    @property
    def single(self) -> bool:
        """Whether `output` is a clip."""
        return self.request is None or self.request.single

    @property
    def folder(self) -> Location:
        """The folder that holds the record of submissions: that of the clip, or of all clips."""
        return self.output.parent if self.single else self.output

    def open_store(self) -> AbstractContextManager[SubmissionStore]:
        """Open the record of submissions. Raises EnvironmentFault, OutputLocked."""
        if self.resumed_job:
            return in_memory()
        if self.reporting.dry_run:
            return open_read_only(self.folder)
        return open_store(self.folder, self.output.name if self.single else "", self.wait)

    def plan(self) -> Plan | None:
        """Return the plan of photos; None if a job is resumed."""
        return Plan.of(self.request) if self.request else None

    def submissions(self, plan: Plan | None) -> Iterator[Submission]:
        """Yield a Submission for each photo; one that cannot be submitted has an error."""
        if plan is None:
            yield Submission(None, self.output, job_id=self.resumed_job)
            return
        for item in plan.jobs():
            photo, clip = item.source, item.output or self.output
            if isinstance(item, Result):
                assert item.failure
                error = PhotoError(item.failure.kind, item.failure.message)
                yield Submission(photo, clip, error=error)
            else:
                name = os.path.relpath(clip, self.folder)
                yield Submission(photo, clip, name, item.spec, item.place)


def read_options(given: Mapping[str, Any]) -> SubmitOptions:
    """Parse the options of `submit`. Raises UsageError, EnvironmentFault."""
    clips_from = read_origins(given["clips_from"])
    credentials = read_credentials(given["protocol"], given["base_url"], clips_from)
    polling = PollOptions(given["poll"], given["timeout"])
    api = AzureJobs if given["protocol"] == "azure-v1" else OpenAiVideos
    clip = ClipOptions(api(credentials), polling, ffmpeg=given["ffmpeg"])
    options = (_read_new if given["resume"] is None else _read_resumed)(given, clip)
    if not given["dry_run"]:
        require_sdk()
        require_key(credentials)
    reporting = ReportOptions(
        json=given["as_json"],
        quiet=given["quiet"],
        verbose=given["verbose"],
        dry_run=DryRun.PLAN if given["dry_run"] else None,
    )
    return replace(
        options,
        reporting=reporting,
        resume_options=_resume_options(given, credentials),
        prints_clip=given["output"] is None,
        notes=tuple(_notes(options.clip)),
    )


def _notes(clip: ClipOptions) -> Iterator[str]:
    if clip.credentials.is_default:
        problem = "requests go to OpenAI's own service, which ended on 2026-09-24"
        yield f"{problem}; name a server by --base-url or OPENAI_BASE_URL"
    for name, value in clip.extra:
        if name in _LENGTH_FIELDS and str(value) != str(clip.seconds):
            problem = f"--extra {name}={value} is sent beside a length of {clip.seconds} seconds"
            hint = f"servers follow one of the two; set the length with --seconds {value}"
            yield f"{problem}; {hint}"


def _resume_options(given: Mapping[str, Any], credentials: Credentials) -> tuple[str, ...]:
    protocol = credentials.protocol
    options = [] if protocol == "videos" else ["--protocol", protocol]
    options += ["--base-url", credentials.display_url] if given["base_url"] else []
    for origin in credentials.clips_from:
        options += ["--clips-from", origin]
    return tuple(options)


def _read_resumed(given: Mapping[str, Any], clip: ClipOptions) -> SubmitOptions:
    job_id = given["resume"]
    if not job_id:
        raise UsageError("--resume is empty; write the id of a job")
    if given["sources"] or given["sources_from"] or given["prompt"]:
        raise UsageError("--resume takes a job that was submitted; leave out SOURCE and --prompt")
    if given["dry_run"]:
        raise UsageError("--resume submits nothing; leave out --dry-run")
    output = given["output"] or re.sub(r"[^\w.-]", "_", job_id).lstrip(".") + _SUFFIX
    if is_folder(output):
        raise UsageError(f"-o {output} is a folder; name the clip, for example clip{_SUFFIX}")
    return SubmitOptions(clip, _clip_path(output), resumed_job=job_id)


def _read_new(given: Mapping[str, Any], clip: ClipOptions) -> SubmitOptions:
    protocol = clip.credentials.protocol
    _require_prompt(given["prompt"])
    target, rules = _target(given)
    size = None if target else given["size"]
    frame = {"size": (size,) if size else (), "target": (target,) if target else ()}
    request = read_request({**given, **frame, "output": "."})  # that of clips is read below
    (rendition,) = request.renditions
    output, single = _output(given["output"], getattr(request.sources, "only", None))
    if given["again"] and not single:
        hint = "for another take of many, write to another folder: -o OUT"
        raise UsageError(f"--again takes one photo; {hint}")
    clip = replace(
        clip,
        prompt=given["prompt"],
        seconds=_seconds(given["seconds"], rules),
        model=_model(given, target),
        extra=_extra(given["extra"], _OPTION_FIELDS[protocol]),
        picture=_picture_options(given, rules, request),
        last_frame=_last_frame(given["last_frame"], protocol, rules),
        resubmit=given["resubmit"],
        again=given["again"],
    )
    # Clips are named and mirrored like pictures, in a format with the suffix of clips.
    clips = replace(rendition.spec.format, suffixes=(_SUFFIX,))
    rendition = replace(rendition, spec=replace(rendition.spec, format=clips), same_format=False)
    request = replace(request, output=output, single=single, renditions=(rendition,))
    return SubmitOptions(clip, output, request, jobs=given["jobs"], wait=given["wait"] or 0.0)


def _seconds(given: int | None, rules: Target) -> int:
    """Return the clip's length: as given, else the target's nearest to the default."""
    allowed = [int(each) for each in rules.seconds if each == int(each)]
    if given is None:
        return min(
            allowed, key=lambda each: (abs(each - _DEFAULT_SECONDS), each), default=_DEFAULT_SECONDS
        )
    if rules.seconds and given not in rules.seconds:
        problem = f"clips have {numbers_text(rules.seconds)} seconds, not {given:g}"
        raise UsageError(f"--seconds {given}: {rules.name}: {problem}")
    return given


def _last_frame(photo: str | None, protocol: str, rules: Target) -> Path | None:
    """Read --last-frame. Raises UsageError if the protocol or the target has no place for it."""
    if photo is None:
        return None
    if rules.frames and "last" not in rules.frames:
        problem = "it takes a first picture, and no last one"
        raise UsageError(f"--last-frame: {rules.name}: {problem}")
    if protocol != "vllm-omni":
        problem = f"--protocol {protocol} has no field for a last picture"
        raise UsageError(f"--last-frame: {problem}; vLLM-Omni has one: --protocol vllm-omni")
    if not os.path.isfile(photo):
        raise UsageError(f"--last-frame {photo} is not a file of this machine")
    return Path(photo)


def _require_prompt(prompt: str | None) -> None:
    if not (prompt or "").strip():
        raise UsageError("the prompt is missing; write --prompt TEXT")
    try:
        str(prompt).encode()
    except UnicodeEncodeError:
        raise UsageError("--prompt is not valid UTF-8, so it cannot be sent") from None


def _picture_options(given: Mapping[str, Any], rules: Target, request: Request) -> PictureOptions:
    send_bounds = given["send_crop_bounds"]
    if send_bounds and given["protocol"] != "azure-v1":
        problem = "only --protocol azure-v1 has a field for crop bounds"
        raise UsageError(f"--send-crop-bounds: {problem}; leave it out, and ffprep cuts the photo")
    policy = Policy(
        upscale=given["upscale"],
        max_cut=given["max_cut"],
        keep_damaged=given["damaged"] == "keep",
        max_pixels=given["max_pixels"],
        max_memory=given["max_memory"],
    )
    (rendition,) = request.renditions
    return PictureOptions(rendition, request.overrides, rules, policy, given["ffmpeg"], send_bounds)


def _target(given: Mapping[str, Any]) -> tuple[str | None, Target]:
    """Return the target as text, if any, and its rules. A model may have the name of a target."""
    target, model, size = given["target"], given["model"], given["size"]
    if not target and model:
        names = {each.name for each in all_targets(target_files(given["targets_file"]))}
        if model in names:
            target = f"{model}/{size}" if size else model
    require_one_frame(size, given["target"])
    return target, read_target(None if target else size, target, given["targets_file"])


def _model(given: Mapping[str, Any], target: str | None) -> str | None:
    """Return the model to ask for; None lets the server choose."""
    if given["model"] is not None:
        return given["model"] or None
    if given["protocol"] != "azure-v1":
        return target.partition("/")[0] if target else None
    name = os.environ.get("AZURE_OPENAI_DEPLOYMENT_NAME")
    if not name:
        hint = "write the deployment's name as --model, or set AZURE_OPENAI_DEPLOYMENT_NAME"
        raise UsageError(f"--protocol azure-v1 needs a deployment; {hint}")
    return name


def _extra(texts: tuple[str, ...], option_fields: frozenset[str]) -> tuple[tuple[str, Any], ...]:
    """Read --extra. Raises UsageError for fields that options set, since the picture fits these."""
    fields = dict(_read_extra(text) for text in texts)
    if taken := sorted(option_fields & {key.partition("[")[0] for key in fields}):
        raise UsageError(f"--extra {taken[0]}: ffprep sends this field already; use its option")
    return tuple(fields.items())


def _read_extra(text: str) -> tuple[str, Any]:
    """Read `KEY=JSON`. Raises UsageError."""
    key, _, value = text.partition("=")
    if not key or not value:
        raise UsageError(f"{text!r} is not a field; write KEY=JSON, for example seed=7")
    try:
        parsed = json.loads(value)
    except ValueError:
        hint = f"put quotes around a text, for example '{key}=\"{value}\"'"
        raise UsageError(f"{value!r} is not JSON; {hint}") from None
    except RecursionError:
        raise UsageError(f"the value of {key!r} is nested too deep") from None
    try:
        json.dumps(parsed, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        reason = "it contains NaN, an infinite number or a broken character"
        raise UsageError(f"{text!r} cannot be sent: {reason}") from None
    return key, parsed


def _output(output: str | None, source: str | None) -> tuple[Location, bool]:
    """Return OUT, and whether it is the clip of the only source. Raises UsageError."""
    photo = source if source is not None and not is_folder(source) else None
    if output is None:
        if photo is None:
            raise UsageError("several photos need an output folder: -o OUT")
        return Path(os.path.splitext(located(photo).name)[0] + _SUFFIX), True
    if output == STDOUT:
        raise UsageError(f"-o {output}: clips are not written to stdout; name a path")
    place = located(output)
    names_folder = output.endswith(("/", os.sep)) or is_folder(output)
    if photo is not None and not names_folder and place.suffix:
        return _clip_path(output), True
    if not names_folder and place.suffix.lower() == _SUFFIX:
        hint = "several photos, or a folder, need an output folder"
        raise UsageError(f"{output} is named like one clip; {hint}")
    if os.path.exists(output) and not os.path.isdir(output):
        hint = "several photos, or a folder, need an output folder"
        raise UsageError(f"{output} is a file; {hint}")
    return place, False


def _clip_path(output: str) -> Location:
    path = located(output)
    if path.suffix.lower() in SUFFIXES:
        hint = f"write {os.path.splitext(path.name)[0]}{_SUFFIX}"
        raise UsageError(f"{output} is named like a picture, but clips are MP4; {hint}")
    return path
