"""A failure is a photo's own only if two readings of the same bytes agree."""

import os
from pathlib import Path

import pytest

from ffprep.conversion.failure import second_reading
from ffprep.errors import Kind, PhotoError, ReadError

DAMAGED = PhotoError(Kind.DAMAGED, "half")


@pytest.mark.parametrize(
    ("second", "kind"),
    [
        (PhotoError(Kind.DAMAGED, "other words"), Kind.DAMAGED),
        (PhotoError(Kind.UNSUPPORTED, "is not a picture"), Kind.IO),
        (PhotoError(Kind.UPSCALE, "small"), Kind.UPSCALE),
        (PhotoError(Kind.INTERNAL, "a bug"), Kind.INTERNAL),
        (ReadError(Kind.IO, "cannot be read"), Kind.IO),
    ],
)
def test_the_second_failure_decides(tmp_path: Path, second: PhotoError, kind: Kind) -> None:
    (tmp_path / "a").write_bytes(b"a")

    def attempt() -> None:
        raise second

    with pytest.raises(PhotoError) as raised:
        second_reading(tmp_path / "a", "", DAMAGED, attempt)
    assert raised.value.kind is kind


def test_a_content_that_changes_from_reading_to_reading_is_not_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a")
    time = path.stat().st_mtime_ns

    def attempt() -> None:
        path.write_bytes(b"b")
        os.utime(path, ns=(time, time))
        raise DAMAGED

    with pytest.raises(PhotoError, match="two readings of it differ") as raised:
        second_reading(path, "", DAMAGED, attempt)
    assert raised.value.kind is Kind.IO
