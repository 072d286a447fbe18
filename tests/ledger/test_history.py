"""Specs that are read from ledgers."""

import json
from typing import Any

import pytest

from ffprep.config.modes import find_mode
from ffprep.config.targets import find_target
from ffprep.core.geometry import Bounds, FaceFocus, Focus, Size
from ffprep.core.mode import Fallback, Fit
from ffprep.core.spec import NOT_CHOSEN, SizeChoice, Spec
from ffprep.ledger.history import recorded_spec
from ffprep.record import asdict, replace
from ffprep.report.entries import framed

PLAIN = Spec(Size(1280, 720), find_mode("cover"), focus=Focus(0.3, 0.7))
SPECS = [
    PLAIN,
    replace(PLAIN, bounds=Bounds(0.1, 0.2, 0.9, 0.8), mode=find_mode("pad")),
    replace(PLAIN, focus=FaceFocus()),
    replace(PLAIN, fallback=Fallback(find_mode("pad"), 0.2)),
    PLAIN.in_modes(find_mode("fit")),
    replace(
        PLAIN,
        size=NOT_CHOSEN,
        choice=SizeChoice(Fit.COVER, envelope=find_target("kling").envelope),
    ),
]


def said(spec: Spec) -> Any:
    return json.loads(json.dumps(asdict(spec), default=str))


@pytest.mark.parametrize("spec", SPECS)
def test_a_recorded_spec_frames_photos_as_the_spec_does(spec: Spec) -> None:
    found = recorded_spec(json.dumps(said(spec)))
    assert found
    for photo in (Size(4000, 3000), Size(3000, 4000), Size(600, 200)):
        assert framed(found, photo, None, None) == framed(spec, photo, None, None)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["size", "width"], 0),
        (["size"], [1280, 720]),
        (["focus", "x"], float("nan")),
        (["bounds", "right"], -1),
        (["mode", "fit"], "squeeze"),
        (["mode", "steps"], 3),
        (["choice"], {"fit": "inside", "sizes": [], "envelope": {"multiple_of": 0}}),
        (["fallback"], {"mode": None, "max_loss": 1}),
    ],
)
def test_a_spec_that_ffprep_does_not_write_is_ignored(place: list[str], value: Any) -> None:
    content = part = said(PLAIN)
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    assert recorded_spec(json.dumps(content)) is None


@pytest.mark.parametrize("text", [None, 7, "", "[]", "{}", "[" * 100_000])
def test_what_is_not_the_text_of_a_spec_is_ignored(text: object) -> None:
    assert recorded_spec(text) is None
