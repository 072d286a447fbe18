"""`--shard 3/16`: which photos are one run's, where several share an output folder."""

import hashlib
import os
import re
from dataclasses import dataclass
from typing import Self

from ffprep.core.location import Location
from ffprep.errors import UsageError


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` parts, the `number`th, from 1. Which part a photo is in, its name alone decides."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `3/16`. Raises UsageError."""
        match = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text, re.ASCII)
        if not match:
            raise UsageError(f"{text!r} is no shard; write NUMBER/COUNT, such as 3/16")
        number, count = int(match[1]), int(match[2])
        if not 1 <= number <= count:
            words = f"{text!r}: shards are counted from 1 to {count}"
            raise UsageError(f"{words}; where a batch system begins at 0, add 1")
        return cls(number, count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def has(self, name: str) -> bool:
        """Whether a photo is in it, by its name from the SOURCE folder on."""
        digest = hashlib.blake2b(os.fsencode(name), digest_size=8).digest()
        return int.from_bytes(digest) % self.count == self.number - 1

    def own(self, path: Location) -> Location:
        """The file that this shard has instead of one for the whole folder."""
        stem, suffix = os.path.splitext(path.name)
        return path.parent / f"{stem}-{self.number}-of-{self.count}{suffix}"

    @classmethod
    def owner(cls, path: Location, whole: Location) -> Self | None:
        """Whose own a file is, going by its name; None where it is no shard's."""
        stem, suffix = map(re.escape, os.path.splitext(whole.name))
        name = rf"{stem}-(\d+)-of-(\d+){suffix}"
        match = re.fullmatch(name, path.name, re.ASCII)
        return cls(int(match[1]), int(match[2])) if match else None
