"""What a run is asked to convert, to which pictures, and how their files are named."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from ffprep.config.sidecars import PhotoOverrides
from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob
from ffprep.core.location import Location
from ffprep.core.spec import Spec
from ffprep.library.naming import Names
from ffprep.library.selection import MadeFiles, Selection
from ffprep.library.walk import Walk
from ffprep.record import Record, field

if TYPE_CHECKING:
    from ffprep.core.shard import Shard
    from ffprep.image.capture_date import CaptureDate


Allocation: TypeAlias = Callable[[str, str, Sequence[str], int], Sequence[int]]
"""Returns the numbers of photos of a folder: by its real path, its path from the SOURCE, and their
names, the first of which is the `number`th of all. It is for one walk, called for each folder."""


class Rendition(Record):
    """One of the pictures that are made of every photo: what it is, and how its file is named.

    With `same_format`, each output has the format of its source if it is one of `formats`, else PNG
    for lossless formats and JPEG for the others. `folder` is the folder in the output folder that
    holds the outputs; it ends in a separator, or is empty.
    """

    spec: Spec
    names: Names = field(default_factory=Names)
    same_format: bool = False
    folder: str = ""
    formats: tuple[str, ...] = tuple(OUTPUT_FORMATS)

    @property
    def keeps_apart(self) -> bool:
        """Whether no output has the name of its photo, whatever its suffix."""
        return bool(self.folder) or self.names.keeps_apart


class Request(Record):
    """What to convert, and where to.

    `sources` can be iterated more than once. `output` is a file if `single`, else a folder; with
    `single` and `beside`, that of the only photo. Every photo becomes a picture of each of
    `renditions`. With a `shard`, all sources are walked, so that all collisions are found, but only
    its part is converted. `made` are pictures that earlier runs made, and that are not sources.
    `numbering` is called for each walk. What it returns is called for every listing in turn, with
    the place of its first photo among all, and returns the numbers of its photos for `{n}` in
    names. With a `root`, outputs are mirrored from that folder. `size_of` and `date_of` return the
    size of a job's output and the date of a photo, for names that contain what the photo decides.
    `carry` are suffixes of files beside photos that are copied beside outputs.
    """

    sources: Iterable[str | os.PathLike[str]]
    output: Location
    renditions: tuple[Rendition, ...]
    single: bool = False
    follow_links: bool = False
    selection: Selection = field(default_factory=Selection)
    overrides: PhotoOverrides = field(default_factory=PhotoOverrides)
    shard: "Shard | None" = None
    made: MadeFiles | None = None
    numbering: Callable[[], Allocation] | None = None
    root: str = ""
    size_of: Callable[[LocalJob], Size] | None = None
    date_of: "Callable[[str], CaptureDate] | None" = None
    beside: bool = False
    carry: tuple[str, ...] = ()

    @property
    def walk(self) -> Walk:
        """The walk over the sources."""
        output = None if self.single else self.output
        return Walk(
            self.sources,
            output,
            self.follow_links,
            self.selection,
            self.made,
            self.root,
            films=any(spec.frame for spec in self.specs),
        )

    @property
    def is_named(self) -> bool:
        """Whether `output` is the name of the only output."""
        return self.single and not self.beside

    @property
    def folder(self) -> Location:
        """The folder in or below which all outputs are."""
        return self.output.parent if self.is_named else self.output

    @property
    def keeps_apart(self) -> bool:
        """Whether no output has the name of its photo, whatever its suffix."""
        return all(rendition.keeps_apart for rendition in self.renditions)

    @property
    def specs(self) -> tuple[Spec, ...]:
        """The Specs of all renditions."""
        return tuple(rendition.spec for rendition in self.renditions)

    @property
    def numbered(self) -> tuple[Names, ...]:
        """The templates for names that contain the number of the photo."""
        names = (rendition.names for rendition in self.renditions)
        return tuple(each for each in names if "n" in each.fields)

    @property
    def named_by_headers(self) -> bool:
        """Whether names of outputs contain what the header of each photo says."""
        return any(
            "date" in rendition.names.fields
            or (rendition.spec.choice and rendition.names.tells_size)
            for rendition in self.renditions
        )
