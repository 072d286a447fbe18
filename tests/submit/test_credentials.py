"""Keys and passwords: required, and never printed or stored."""

from dataclasses import replace
from pathlib import Path

import pytest

from ffprep.submit.credentials import Credentials
from tests.support import standin as service
from tests.support.standin import KEY, Fault, Standin
from tests.support.submitting import QUICK, clips, refusal, single


def test_a_missing_or_malformed_key_is_reported(
    ffprep, standin: Standin, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ["submit", photo, "--prompt", "w", "--size", "1280x720"]
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret\nsk-secret")
    ran = ffprep(*run)
    assert (ran.code, "line break" in ran.err, "sk-secret" in ran.err) == (3, True, False)
    monkeypatch.delenv("OPENAI_API_KEY")
    ran = ffprep(*run)
    assert (ran.code, "set OPENAI_API_KEY" in ran.err) == (3, True)
    ran = ffprep("submit", photo)
    assert (ran.code, "the prompt is missing" in ran.err) == (2, True)  # that comes first
    assert not standin.received


def test_addresses_that_no_server_has_are_reported(ffprep, standin: Standin, photo: Path) -> None:
    ran = ffprep(*single(photo, "--base-url", "http://1.2.3.999/v1"))
    assert (ran.code, "1.2.3.999" in ran.err, "check --base-url" in ran.err) == (3, True, True)


def test_only_another_origin_needs_to_be_allowed_for_clips() -> None:
    where = Credentials("videos", "http://h:80/v1", clips_from=("https://Clips.example:443/",))
    allowed = ("http://h/x", "HTTP://H:80/x", "https://clips.example/a", "/relative", "file:///x")
    assert not any(map(where.needs_clips_from, (*allowed, "http:///x", "http://[::1")))
    assert all(map(where.needs_clips_from, ("https://h/x", "http://clips.example", "http://h:8/")))


def test_keys_and_passwords_are_neither_printed_nor_stored(
    ffprep, standin: Standin, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_LOG", "debug")
    import imageio_ffmpeg

    wrapper = tmp_path / "ffmpeg"  # records its environment
    wrapper.write_text(
        f'#!/bin/sh\nenv >> {tmp_path}/environment\nexec {imageio_ffmpeg.get_ffmpeg_exe()} "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("FFPREP_FFMPEG", str(wrapper))
    secret = "pass-word-1234"
    guarded = standin.url.replace("http://", f"http://someone:{secret}@")
    said = b""
    for where in (standin.url, guarded):
        echo = refusal(400, f"Bad request from Bearer {KEY}, at {where}.")
        faults = [echo, replace(echo, status=500), Fault(200, KEY.encode(), "text/plain")]
        run = [*clips(photos, tmp_path), "--base-url", where]
        standin.meets("create", *faults, service.LEAKY)
        ran = ffprep(*run, "--resubmit", "--json", "-v", "--jobs", "1", *QUICK)
        said += ran.out + ran.err.encode()
        ran = ffprep(*run, "--dry-run")
        said += ran.out + ran.err.encode()
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for word in (KEY, secret):
        assert word.encode() not in said + kept
    assert b"***" in said
    assert "HOME=" in (tmp_path / "environment").read_text()


def test_secrets_are_redacted_before_text_is_shortened(
    ffprep, standin: Standin, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ""
    for length in (70, 78, 190, 198, 490, 498):  # around where words are cut: at 80, 200, 500
        standin.meets("create", refusal(400, "x" * length + KEY))
        said += ffprep(*single(photo)).err
    standin.meets("content", Fault(200, b"y" * 70 + KEY.encode()))
    said += ffprep(*single(photo)).err
    assert KEY[:10] not in said
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Token: token-1234567")
    standin.meets("create", refusal(400, "Bad token-1234567."))
    ran = ffprep(*single(photo, "--again"))
    assert standin.received[-1].headers["x-token"] == "token-1234567"
    assert "token-1234567" not in ran.err
