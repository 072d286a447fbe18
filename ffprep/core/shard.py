"""`--shard 3/16`: which photos belong to one of several runs with the same output folder."""

import os
import re
from typing import Self

from ffprep.core.location import Location
from ffprep.errors import UsageError
from ffprep.record import Record


class Shard(Record):
    """Part `number`, from 1, of `count` parts. A photo's name alone decides its part."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `3/16`. Raises UsageError."""
        match = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text, re.ASCII)
        if not match:
            raise UsageError(f"{text!r} is not a shard; write NUMBER/COUNT, for example 3/16")
        number, count = int(match[1]), int(match[2])
        if not 1 <= number <= count:
            raise UsageError(
                f"{text!r} is not a shard; the first is 1/{count} and the last {count}/{count}; "
                "if a batch system counts from 0, add 1"
            )
        return cls(number, count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def contains(self, name: str) -> bool:
        """Return whether a photo is in it, by its path from the SOURCE folder."""
        return part_of(name, self.count) == self.number - 1

    def path_for(self, path: Location) -> Location:
        """Return the file of this shard, instead of one for the whole folder."""
        stem, suffix = os.path.splitext(path.name)
        return path.parent / f"{stem}-{self.number}-of-{self.count}{suffix}"

    def whole_path(self, path: Location) -> Location:
        """Return the file for the whole folder, instead of one of this shard."""
        stem, suffix = os.path.splitext(path.name)
        return path.parent / f"{stem.removesuffix(f'-{self.number}-of-{self.count}')}{suffix}"

    @classmethod
    def of_file(cls, path: Location, whole: Location) -> Self | None:
        """Return the shard that a file belongs to, by its name; None if it belongs to none."""
        stem, suffix = map(re.escape, os.path.splitext(whole.name))
        name = rf"{stem}-(\d+)-of-(\d+){suffix}"
        match = re.fullmatch(name, path.name, re.ASCII)
        return cls(int(match[1]), int(match[2])) if match else None


def part_of(name: str, count: int) -> int:
    """Return the part, from 0, of a photo among `count`, by its path from the SOURCE folder."""
    import hashlib

    digest = hashlib.blake2b(os.fsencode(name), digest_size=8).digest()
    return int.from_bytes(digest) % count
