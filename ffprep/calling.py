"""`convert` and `check`, as functions: many photos, one answer each, as they come."""

import os
from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from ffprep import keywords
from ffprep.exits import warn
from ffprep.job import Policy, Result
from ffprep.keywords import CheckOptions, PathLike, RunOptions, SizeLike

if TYPE_CHECKING:
    from ffprep.converter import Converter
    from ffprep.run import Order
    from ffprep.survey import Finding


def convert(
    sources: PathLike | Iterable[PathLike],
    output: PathLike,
    size: SizeLike | None = None,
    mode: str | None = None,
    *,
    target: str | None = None,
    ledger: bool | PathLike = True,
    **options: Unpack[RunOptions],
) -> Generator[Result, None, None]:
    """Convert photos, and folders of them, as `ffprep convert` does; a Result for each, as they come.

    `output` is a file for one photo, if it has the suffix of a picture, else a folder. The ledger lies in it, or where `ledger` says, so what is
    done already is `fresh` the next time; with False there is none, and all is done again. A photo that fails is a Result
    with a `failure`, and the others go on. Whoever stops early closes the iterator, or drops it: every ffmpeg
    ends, and no unfinished file is left.

    Raises UsageError (a ValueError) for options that make no sense, at once; while it goes on, Held where another run has the
    output folder, and EnvironmentFault where nothing can be converted.
    """
    from ffprep.converter import Converter
    from ffprep.converting import convert as command
    from ffprep.ffmpeg import find
    from ffprep.request import read_order

    keywords.require_known(options, RunOptions)
    where = {True: None, False: "none"}[ledger] if isinstance(ledger, bool) else ledger
    words: dict[str, Any] = {**options, "size": size, "target": target, "mode": mode}
    words |= {"sources": _named(sources), "output": output, "ledger": where}
    order = read_order(keywords.read(command, words))
    return _results(order, Converter(find(order.ffmpeg), order.policy))


def _results(order: "Order", converter: "Converter") -> Generator[Result, None, None]:
    from ffprep.report import Ended, Tally
    from ffprep.run import prepared

    tally, stop = Tally(order.request.output), converter.processes.stop
    with closing(converter), prepared(order, converter, warn) as run:
        tally.total = run.plan.total
        try:
            with closing(run.results(abandon=stop)) as results:
                for result in results:
                    if isinstance(result, Result):  # and not a count of fresh ones
                        tally.add(result)
                        yield result
        except BaseException as error:
            tally.break_off(error)
            if isinstance(error, GeneratorExit | KeyboardInterrupt):
                tally.ended = Ended.INTERRUPTED
            raise
        finally:
            stop()
            run.end(tally.ended.value, tally.summary())


def check(
    paths: PathLike | Iterable[PathLike],
    size: SizeLike | None = None,
    *,
    target: str | None = None,
    **options: Unpack[CheckOptions],
) -> Generator["Finding", None, None]:
    """Decode every picture among these files and in these folders; a Finding for each, in order.

    Its `broken` says, a sentence each, what it breaks of the rules of `target`, or that it is not of this `size`; it is empty for what
    is right. Nothing is written. Raises UsageError (a ValueError) at once for options that make no sense.
    """
    from ffprep.queries import check as command
    from ffprep.request import read_target
    from ffprep.survey import Survey

    keywords.require_known(options, CheckOptions)
    words = {**options, "size": size, "target": target, "paths": _named(paths)}
    given = keywords.read(command, words)
    policy = Policy(max_pixels=given["max_pixels"], max_memory=given["max_memory"])
    found = tuple(Path(path) for path in given["paths"])
    survey = Survey(found, given["follow_links"], policy, given["jobs"])
    return survey.verify(read_target(given["size"], given["target"], given["targets"]))


def _named(sources: PathLike | Iterable[PathLike]) -> list[str]:
    """Paths as texts; here a hyphen is a file's name, and not standard input."""
    names = keywords.several(sources)
    return [os.path.join(".", name) if name == "-" else name for name in names]
