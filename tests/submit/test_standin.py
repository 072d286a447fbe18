"""The stand-in server accepts what the openai SDK sends, and refuses what servers refuse."""

import io
import json
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import openai
import pytest
from PIL import Image

from tests.support import standin as service
from tests.support.pictures import ramp
from tests.support.standin import Rules, Standin
from tests.support.standin_rules import MISMATCH, Refusal, multipart

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning"),
]


def picture(
    width: int = 1280, height: int = 720, format: str = "jpeg", **options: Any
) -> tuple[str, bytes, str]:
    file = io.BytesIO()
    ramp(width, height).save(file, format, **options)
    return f"first.{format}", file.getvalue(), f"image/{format}"


def client(**options: Any) -> openai.OpenAI:
    return openai.OpenAI(max_retries=0, **options)


def create(**fields: Any) -> Any:
    asked = {"prompt": "waves", "size": "1280x720", "seconds": "4", "input_reference": picture()}
    asked |= fields
    with client() as sdk:
        return sdk.videos.create(**{k: v for k, v in asked.items() if v is not None})


@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_the_sdk_makes_a_video(standin: Standin, tmp_path: Path, format: str) -> None:
    with client() as sdk:
        video = sdk.videos.create(
            prompt="waves, ü",
            model="sora-2",
            size="720x1280",
            seconds="8",
            input_reference=picture(720, 1280, format),
        )
        assert (video.status, video.progress, video.seconds, video.size) == (
            "queued",
            0,
            "8",
            "720x1280",
        )
        with pytest.raises(openai.NotFoundError, match="not ready"):
            sdk.videos.download_content(video.id)
        states = [sdk.videos.retrieve(video.id) for _ in range(3)]
        assert [(state.status, state.progress) for state in states] == [
            ("in_progress", 33),
            ("in_progress", 66),
            ("completed", 100),
        ]
        assert sdk.videos.poll(video.id).status == "completed"
        sdk.videos.download_content(video.id).write_to_file(tmp_path / "clip.mp4")
        assert [video.id for video in sdk.videos.list()] == [video.id]
        assert sdk.videos.delete(video.id).deleted
        with pytest.raises(openai.NotFoundError, match=video.id):
            sdk.videos.retrieve(video.id)
    reader = imageio_ffmpeg.read_frames(tmp_path / "clip.mp4")
    about = next(reader)
    reader.close()
    assert (about["size"], about["duration"]) == ((720, 1280), 8)
    received = standin.received[0]
    assert (received.operation, received.part("prompt").text) == ("create", "waves, ü")
    assert received.part("input_reference").file_name == f"first.{format}"
    assert received.headers["authorization"] == f"Bearer {service.KEY}"


def raw(picture: tuple[str, bytes, str], **changes: str) -> tuple[str, bytes, str]:
    name, data, mime = picture
    return changes.get("name", name), data, changes.get("mime", mime)


def turned() -> tuple[str, bytes, str]:
    exif = Image.Exif()
    exif[0x0112] = 6
    return picture(exif=exif)


@pytest.mark.parametrize(
    ("fields", "words", "param", "code"),
    [
        ({"input_reference": picture(1280, 719)}, MISMATCH, None, None),
        ({"size": None}, MISMATCH, None, None),
        ({"seconds": "5"}, "Supported values are: '4', '8', and '12'", "seconds", "invalid_value"),
        ({"seconds": "4.0"}, "Invalid value: '4.0'", "seconds", "invalid_value"),
        ({"size": "1280×720"}, "Invalid value: '1280×720'", "size", "invalid_value"),
        ({"prompt": ""}, "Missing required parameter", "prompt", "missing_required_parameter"),
        ({"extra_body": {"duration": 4}}, "'duration'", "duration", "unknown_parameter"),
        (
            {"input_reference": picture()[1]},
            "octet-stream",
            "input_reference",
            "unsupported_file_mimetype",
        ),
        (
            {"input_reference": raw(picture(), mime="image/png")},
            "no whole",
            "input_reference",
            "invalid_image",
        ),
        (
            {"input_reference": ("a.jpg", picture()[1][:-9000], "image/jpeg")},
            "no whole",
            "input_reference",
            "invalid_image",
        ),
        ({"input_reference": turned()}, "orientation 6", "input_reference", "invalid_image"),
    ],
)  # fmt: skip
def test_incorrect_requests_are_refused(
    standin: Standin, fields: dict[str, Any], words: str, param: str | None, code: str | None
) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        create(**fields)
    error: Any = raised.value.body
    assert words in error["message"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)
    assert (standin.count("create"), standin.jobs) == (1, {})


def test_rules_of_servers_can_be_set(standin: Standin) -> None:
    file = io.BytesIO()
    Image.new("RGBA", (832, 480), (9, 9, 9, 254)).save(file, "png")
    fields = {"size": "832x480", "model": "wan", "extra_body": {"seed": 7}}
    fields["input_reference"] = ("a.png", file.getvalue(), "image/png")
    said = {"sizes": {"832x480"}, "models": {"wan"}, "extra": {"seed"}}
    standin.rules = Rules(**said)  # type: ignore[arg-type]
    assert standin.jobs[create(**fields).id].request.extra == {"seed": "7"}
    standin.rules = Rules(**said, alpha=False)  # type: ignore[arg-type]
    with pytest.raises(openai.BadRequestError, match="translucent"):
        create(**fields)


def test_only_the_key_is_accepted(standin: Standin) -> None:
    with (
        client(api_key="sk-another-0000") as sdk,
        pytest.raises(openai.AuthenticationError) as raised,
    ):
        sdk.videos.retrieve("video_0001")
    assert raised.value.code == "invalid_api_key"
    assert "another" not in str(raised.value)


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        (service.MODERATION, openai.BadRequestError, "moderation_blocked"),
        (service.QUOTA, openai.RateLimitError, "insufficient_quota"),
        (service.RATE_LIMIT, openai.RateLimitError, "rate_limit_exceeded"),
        (service.SERVER_ERROR, openai.InternalServerError, None),
        (service.OVERLOADED, openai.InternalServerError, None),
        (service.HTML, openai.InternalServerError, None),
        (service.CUT_BEFORE, openai.APIConnectionError, None),
    ],
)  # fmt: skip
def test_a_fault_happens_once(
    standin: Standin, fault: service.Fault, error: type[openai.APIError], code: str | None
) -> None:
    standin.meets("create", fault)
    with pytest.raises(error) as raised:
        create()
    assert (raised.value.code, standin.jobs) == (code, {})
    assert create().id in standin.jobs
    assert standin.count("create") == 2


def test_a_retried_create_makes_two_jobs(standin: Standin) -> None:
    standin.meets("create", service.CUT_AFTER)
    with openai.OpenAI(max_retries=1) as sdk:
        sdk.videos.create(prompt="waves", size="1280x720", input_reference=picture())
    assert len(standin.jobs) == 2


def test_jobs_end_as_the_test_sets(standin: Standin) -> None:
    endings = {"blocked": service.BLOCKED, "never": service.NEVER}
    standin.ending = lambda job: endings[job.request.prompt]
    blocked, never = create(prompt="blocked"), create(prompt="never")
    with client() as sdk:
        for _ in range(5):
            blocked, never = sdk.videos.retrieve(blocked.id), sdk.videos.retrieve(never.id)
    assert (blocked.status, blocked.error.code) == ("failed", "moderation_blocked")
    assert (never.status, never.error) == ("in_progress", None)


def test_downloads_can_be_damaged(standin: Standin) -> None:
    with client() as sdk:
        id = sdk.videos.poll(create().id).id
        whole = sdk.videos.download_content(id).content
        standin.meets("content", service.NO_LENGTH, service.CUT_SHORT)
        assert sdk.videos.download_content(id).content == whole
        with pytest.raises(openai.APIConnectionError):
            sdk.videos.download_content(id)


ITEM = {
    "frame_index": 0,
    "type": "image",
    "file_name": "a.jpg",
    "crop_bounds": {
        "left_fraction": 0.1,
        "top_fraction": 0.0,
        "right_fraction": 0.9,
        "bottom_fraction": 0.9,
    },
}
FIELDS = {"prompt": "waves", "width": "1280", "height": "720", "n_seconds": "5", "model": "sora"}


def azure(standin: Standin, item: dict[str, Any] = ITEM, **fields: str) -> Any:
    """The jobs API by the SDK's HTTP client, as any program would call it."""
    with client() as sdk:
        return sdk._client.post(
            f"{standin.address}/openai/v1/video/generations/jobs?api-version=preview",
            headers={"api-key": service.KEY},
            data=FIELDS | {"inpaint_items": json.dumps([item])} | fields,
            files=[("files", ("a.jpg", picture(1600, 800)[1], "image/jpeg"))],
        )


def test_azure_jobs_pass_through_their_states(standin: Standin) -> None:
    created = azure(standin, n_variants="2")
    assert (created.status_code, created.json()["status"]) == (201, "queued")
    root = f"{standin.address}/openai/v1/video/generations"
    with client() as sdk:

        def get(path: str, key: str = service.KEY) -> Any:
            return sdk._client.get(f"{root}{path}?api-version=preview", headers={"api-key": key})

        states = [get(f"/jobs/{created.json()['id']}").json() for _ in range(4)]
        assert [
            state["status"] for state in states
        ] == "preprocessing running processing succeeded".split()
        assert len(states[-1]["generations"]) == 2
        content = get(f"/{states[-1]['generations'][0]['id']}/content/video")
        assert (content.headers["content-type"], content.content[4:8]) == ("video/mp4", b"ftyp")
        assert get("/jobs/task_9").status_code == 404
        assert get("/jobs/task_9", "wrong").json()["error"]["code"] == "401"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"crop_bounds": ITEM["crop_bounds"] | {"left_fraction": 0.11}}, MISMATCH),  # type: ignore[operator]
        ({"crop_bounds": ITEM["crop_bounds"] | {"right_fraction": 1.1}}, "Odd crop_bounds"),  # type: ignore[operator]
        ({"crop_bounds": {"left_fraction": 0}}, "Odd crop_bounds"),
        ({"file_name": "b.jpg"}, "do not agree"),
        ({"type": "picture"}, "odd inpaint item"),
        ({"frame_index": "0"}, "odd inpaint item"),
    ],
)
def test_azure_inpaint_items_are_checked(
    standin: Standin, change: dict[str, Any], words: str
) -> None:
    refused = azure(standin, ITEM | change)
    assert (refused.status_code, standin.jobs) == (400, {})
    assert words in refused.json()["error"]["message"]


GOOD = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'


def test_a_malformed_multipart_body_is_refused() -> None:
    (part,) = multipart("multipart/form-data; boundary=x", GOOD)
    assert (part.name, part.text) == ("a", "1")
    for content_type, body in [
        ("application/json", GOOD),
        ("multipart/form-data", GOOD),
        ("multipart/form-data; boundary=y", GOOD),
        ("multipart/form-data; boundary=x", GOOD[:-4]),
        ("multipart/form-data; boundary=x", b"before" + GOOD),
        ("multipart/form-data; boundary=x", GOOD.replace(b"\r\n\r\n", b"\r\n")),
        ("multipart/form-data; boundary=x", GOOD.replace(b"form-data; ", b"")),
        ("multipart/form-data; boundary=x", GOOD.replace(b'"a"', b'"a"\r\nX-Odd: 1')),
    ]:
        with pytest.raises(Refusal):
            multipart(content_type, body)
