"""What was said on the command line, to a SubmitOrder: which photos, for which clips, by which server."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ffprep.config.targets import all_targets
from ffprep.core.formats import SUFFIXES
from ffprep.core.job import Result
from ffprep.core.location import names_url
from ffprep.core.target import Target
from ffprep.errors import PhotoError, UsageError
from ffprep.library.plan import Plan, Request
from ffprep.options.frame import read_target, target_files
from ffprep.options.parse import read_request
from ffprep.submit import openai_client as sdk
from ffprep.submit.azure_jobs import AzureJobs
from ffprep.submit.credentials import read_credentials, require_key
from ffprep.submit.openai_videos import Videos
from ffprep.submit.prepare_picture import PictureOptions
from ffprep.submit.protocol import VideoApi, read_extra
from ffprep.submit.store import SubmissionStore, in_memory, opened_store, read_only
from ffprep.submit.submission import Outcome, Status, Submission, SubmitOptions

SUFFIX = ".mp4"
_POLL = 5.0
_OWN = {
    "videos": frozenset("prompt size seconds model input_reference".split()),
    "azure-v1": frozenset(
        "prompt model files width height n_seconds n_variants inpaint_items".split()
    ),
}
"""The fields of each protocol for which there are options."""
_PROTOCOLS: dict[str, type[Videos] | type[AzureJobs]] = {"videos": Videos, "azure-v1": AzureJobs}


@dataclass(frozen=True, slots=True)
class SubmitOrder:
    """All that the options of `submit` say. `resumed` is a job's id."""

    terms: SubmitOptions
    speaker: VideoApi
    output: Path
    request: Request | None = None
    resumed: str = ""
    jobs: int = 1
    wait: float = 0.0
    dry_run: bool = False

    @property
    def single(self) -> bool:
        """Whether `output` is a clip, and no folder of clips."""
        return self.request is None or self.request.single

    @property
    def folder(self) -> Path:
        """The folder that remembers what is submitted: the one of all clips, or the one in which the clip lies."""
        return self.output.parent if self.single else self.output

    def memory(self) -> AbstractContextManager[SubmissionStore]:
        """What was submitted before. Raises EnvironmentFault, OutputLocked."""
        if self.resumed:
            return in_memory()
        if self.dry_run:
            return read_only(self.folder)
        return opened_store(self.folder, self.output.name if self.single else "", self.wait)

    def courses(self, plan: Plan | None) -> Iterator[Submission | Outcome]:
        """A Submission for every photo; an Outcome where it is known to fail."""
        if plan is None:
            yield Submission(None, self.output, job=self.resumed)
            return
        for item in plan.jobs():
            photo, clip = item.source, item.output or self.output
            if not isinstance(photo, Path) or not isinstance(clip, Path):
                words = "submit takes photos of this machine, and leaves clips there"
                raise UsageError(f"{photo}: {words}; ffprep convert fetches photos from stores")
            if isinstance(item, Result):
                assert item.failure
                error = PhotoError(item.failure.kind, item.failure.message)
                yield Outcome(photo, clip, Status.FAILED, error=error)
            else:
                place = os.path.relpath(clip, self.folder)
                yield Submission(photo, clip, place, item.spec)


def read_order(given: Mapping[str, Any]) -> SubmitOrder:
    """The SubmitOrder that the options of `submit` make. Raises UsageError, EnvironmentFault."""
    access = read_credentials(given["protocol"], given["base_url"])
    if not given["dry_run"]:
        sdk.require()
        require_key(access)
    poll = given["poll"]
    terms = SubmitOptions(
        access,
        _POLL if poll is None else poll,
        given["timeout"],
        ffmpeg=given["ffmpeg"],
        polls=poll is not None,
    )
    speaker = _PROTOCOLS[access.protocol](access)
    if given["resume"] is not None:
        return _resumed(given, terms, speaker)
    return _new(given, terms, speaker)


def _resumed(given: Mapping[str, Any], terms: SubmitOptions, speaker: VideoApi) -> SubmitOrder:
    job = given["resume"]
    if not job:
        raise UsageError("--resume: which job? Its id is empty")
    if given["sources"] or given["sources_from"] or given["prompt"]:
        raise UsageError("--resume is for a job that was submitted; leave out SOURCE and --prompt")
    if given["dry_run"]:
        raise UsageError("--resume submits nothing that --dry-run could show")
    named = given["output"] or re.sub(r"[^\w.-]", "_", job).lstrip(".") + SUFFIX
    if os.path.isdir(named):
        raise UsageError(f"-o {named} is a folder; name the clip, such as clip{SUFFIX}")
    return SubmitOrder(terms, speaker, _clip(named), resumed=job)


def _new(given: Mapping[str, Any], terms: SubmitOptions, speaker: VideoApi) -> SubmitOrder:
    if not (given["prompt"] or "").strip():
        raise UsageError("what is to be seen? Say it with --prompt TEXT")
    if _is_broken(given["prompt"]):
        raise UsageError("--prompt is no UTF-8, and cannot be sent")
    target, rules = _destination(given)
    size = None if target else given["size"]
    request = read_request(
        {**given, "size": size, "target": target, "output": given["output"] or "."}
    )
    spec = request.spec
    recipe = PictureOptions.of(given, target, rules, spec)
    if recipe.sends_bounds and terms.access.protocol == "videos":
        words = "only --protocol azure-v1 has a field for them; without it, they are cut"
        raise UsageError(f"--send-crop-bounds: {words}")
    only = getattr(request.sources, "only", None)
    output, single = _output(given["output"], only)
    if given["again"] and not single:
        words = "--again is for one clip; another take of many goes into another folder: -o OUT"
        raise UsageError(words)
    # Clips are named, and mirrored, as pictures are; a format that is called .mp4 is all it takes.
    named = replace(spec, format=replace(spec.format, suffixes=(SUFFIX,)))
    request = replace(request, output=output, single=single, same_format=False, spec=named)
    terms = replace(
        terms,
        prompt=given["prompt"],
        seconds=given["seconds"],
        model=_model(given, target),
        extra=_extra(given["extra"], _OWN[terms.access.protocol]),
        recipe=recipe,
        resubmit=given["resubmit"],
        again=given["again"],
    )
    order = SubmitOrder(terms, speaker, output, request)
    return replace(order, jobs=given["jobs"], wait=given["wait"] or 0.0, dry_run=given["dry_run"])


def _is_broken(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _destination(given: Mapping[str, Any]) -> tuple[str | None, Target]:
    """The target, if there is one, as text, and its rules; a target that is called like the model is one."""
    target, model, size = given["target"], given["model"], given["size"]
    if not target and model:
        known = {each.name for each in all_targets(target_files(given["targets"]))}
        if model in known:
            target = f"{model}/{size}" if size else model
    if given["size"] and given["target"]:
        raise UsageError("--size and --target exclude one another; write --target NAME/WxH")
    return target, read_target(None if target else size, target, given["targets"])


def _model(given: Mapping[str, Any], target: str | None) -> str | None:
    """The model that is asked for; None leaves it to the server."""
    if given["model"] is not None:
        return given["model"] or None
    if given["protocol"] == "videos":
        return target.partition("/")[0] if target else None
    name = os.environ.get("AZURE_OPENAI_DEPLOYMENT_NAME")
    if not name:
        words = "--model is the name of the deployment there; say it, or set AZURE_OPENAI_DEPLOYMENT_NAME"
        raise UsageError(words)
    return name


def _extra(said: tuple[str, ...], own: frozenset[str]) -> tuple[tuple[str, Any], ...]:
    """More fields. Raises UsageError for those that have options, since the picture is made for what these say."""
    fields = dict(read_extra(text) for text in said)
    if taken := sorted(own & {key.partition("[")[0] for key in fields}):
        raise UsageError(
            f"--extra {taken[0]}: is sent already; there is an option for it, or a rule"
        )
    return tuple(fields.items())


def _output(said: str | None, only: str | None) -> tuple[Path, bool]:
    """OUT, and whether it is the clip of the only photo. Raises UsageError."""
    file = only if only is not None and not os.path.isdir(only) else None
    if said is None:
        if file is None:
            raise UsageError("several photos need an output folder: -o OUT")
        return Path(Path(file).stem + SUFFIX), True
    if names_url(said):
        raise UsageError(f"-o {said}: clips are left on this machine; name a path")
    folder = said.endswith(("/", os.sep)) or os.path.isdir(said)
    if file is not None and not folder and Path(said).suffix:
        return _clip(said), True
    if not folder and Path(said).suffix.lower() == SUFFIX:
        raise UsageError(
            f"{said} is named like one clip; several photos, or a folder, need a folder"
        )
    if os.path.exists(said) and not os.path.isdir(said):
        words = "is a file; several photos, or a folder, need an output folder"
        raise UsageError(f"{said} {words}")
    return Path(said), False


def _clip(said: str) -> Path:
    if Path(said).suffix.lower() in SUFFIXES:
        raise UsageError(
            f"{said} is named like a picture, and clips are MP4; write {Path(said).stem}{SUFFIX}"
        )
    return Path(said)
