"""The digest of a request: what makes another request, and what does not."""

from pathlib import Path

import pytest

from ffprep.cli.commands.submit import submit
from ffprep.submit.clip import request_digest
from ffprep.submit.parse import read_options
from ffprep.submit.submission import Submission
from tests.support.standin import Rules, Standin
from tests.support.submitting import single

PINNED = [
    ("--size 1280x720", "cdf36c16498f80b84b18bb02c38d456dfc5f632f563faa4f0fe6da9a38819de6"),
    ("--target sora-2", "0059cbdf2417750ae30911f285551b12792433e5e760e417c6e4c12bc73aa665"),
    (
        "--size 1280x720 --mode pad --background white --format png --seconds 8",
        "737fe0ac14fc38ec6304cbca9c16ee204ec87efad98b0ecb1d350e2ddc4ba997",
    ),
    (
        "--size 480x480 --crop-bounds 0.1,0.23,0.77,0.9 --focus 0.3,0.6 --extra seed=7",
        "c25cc948e1a6379c38f4477279b7573f4360c58a8b864a2ca8fa9ff3c7286bda",
    ),
    (
        "--size 1280x720 --mode auto --max-loss 0.2 --quality 80 --metadata keep-rights",
        "c1a01dd4bce79f9dab5d301318f5fdffdc82f36104c9a75a1fd4671bc9e4fd6c",
    ),
    (
        "--size 480x480 --protocol azure-v1 --model sora --send-crop-bounds",
        "dcfc039a0b90f3fede1fdc4c0cf0c7fcfb0f7f9d798948cb0233a8ce13bd0869",
    ),
    (
        "--target sora-2/1280x720 --mode blur --max-bytes 900000 --colour keep",
        "c450436e6d003ddf4d95f6252e0c43803a58ceec9ee7d9735c9590fa824345e2",
    ),
]
"""Options, and the digest that version 0.1 recorded for them."""


@pytest.mark.parametrize(("words", "digest"), PINNED)
def test_digests_are_those_of_version_0_1(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, digest: str
) -> None:
    """Another digest would submit, and bill, everything again."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key")
    assert digest_of(tmp_path, words) == digest


def digest_of(folder: Path, words: str) -> str:
    """Return the digest of the request for a photo with these options."""
    photo = folder / "photo.jpg"
    photo.write_bytes(b"\xff\xd8\xff not a photo, but bytes")
    given = ["--prompt", "waves", "--base-url", "http://server.example/v1", *words.split()]
    with submit.make_context("submit", [str(photo), *given]) as context:
        options = read_options(context.params)
    (submission,) = options.submissions(options.plan())
    assert isinstance(submission, Submission)
    return request_digest(photo, options.clip, submission.spec)


def test_a_kept_date_makes_another_request(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = set[str]()
    for date in ("auto", "keep"):
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key")  # which is removed when it is read
        found.add(digest_of(tmp_path, f"--size 480x480 --date {date}"))
    assert len(found) == 2


def test_only_what_changes_the_picture_makes_another_request(
    ffprep, standin: Standin, photo: Path
) -> None:
    assert ffprep(*single(photo)).code == 0
    limits = ["--max-memory", "3G", "--max-pixels", "90000000", "--damaged", "keep"]
    assert ffprep(*single(photo, *limits, "--upscale", "fail")).code == 0
    assert standin.count("create") == 1
    photo.with_name("photo.jpg.ffprep.toml").write_text('focus = "left"\n')
    assert (ffprep(*single(photo)).code, standin.count("create")) == (0, 2)


def test_equivalent_options_make_the_same_request(ffprep, standin: Standin, photo: Path) -> None:
    standin.rules = Rules(extra=frozenset({"a", "b"}))
    assert ffprep(*single(photo, "--extra", "a=1", "--extra", "b=2")).code == 0
    same = ["--mode", "cover", "--format", "jpeg", "--compression", "5", "--upscale", "allow"]
    assert ffprep(*single(photo, "--extra", "b=2", "--extra", "a=1", *same)).code == 0
    assert standin.count("create") == 1


def test_a_changed_mode_file_makes_another_request(ffprep, standin: Standin, photo: Path) -> None:
    from ffprep.config.modes import all_modes

    (pad,) = (mode for mode in all_modes(()) if mode.name == "pad")
    folder = photo.parent / "filters"
    folder.mkdir()
    said = Path(pad.path).read_text()
    for number, text in enumerate([said, said.replace("(oh-ih)*{focus_y}", "0")], 1):
        (folder / "mine.toml").write_text(text)
        assert ffprep(*single(photo, "--mode", "mine", "--filters", folder)).code == 0
        assert standin.count("create") == number
