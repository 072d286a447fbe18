"""Modes: how a photo is made to fit its frame, as steps of FFmpeg filters."""

from enum import StrEnum

from ffprep.record import Record, field, replace


class Step(Record):
    """One FFmpeg filter of a mode: its options, the streams it reads, and the one it makes.

    A mode file's `from` and `to` name streams; `photo` is the input, and the empty name is the
    output of the step before.
    """

    filter: str
    options: tuple[tuple[str, str], ...] = ()
    reads: tuple[str, ...] = ("",)
    makes: str = ""


class Fit(StrEnum):
    """How a mode fits a photo in the frame, in the terms of CSS's object-fit.

    `INSIDE` computes the size of the output: that of the photo, scaled to fit in the frame.
    """

    COVER = "cover"
    CONTAIN = "contain"
    FILL = "fill"
    INSIDE = "inside"


class Mode(Record):
    """A way to make a photo fit: its filters, descriptions that help to choose it, and its file.

    `scenes` are those for which `--scene` chooses it. `fit` is None if the mode's file has none;
    then the output cannot be described in advance.
    """

    name: str
    steps: tuple[Step, ...]
    fit: Fit | None = field(default=None, compare=False)
    summary: str = field(default="", compare=False)
    keeps: str = field(default="", compare=False)
    loses: str = field(default="", compare=False)
    suits: tuple[str, ...] = field(default=(), compare=False)
    scenes: tuple[str, ...] = field(default=(), compare=False)
    path: str = field(default="", compare=False)

    @property
    def cuts_at_focus(self) -> bool:
        """Whether the focus decides what is cut."""
        crops = (step for step in self.steps if step.filter == "crop")
        return any("{focus_" in value for step in crops for _, value in step.options)

    @property
    def effective_fit(self) -> Fit:
        """The `fit`; a mode without one is assumed to show the whole photo."""
        return self.fit or Fit.CONTAIN


_CENTRED = {
    "floor((ow-iw)*{focus_x})": "floor((ow-iw)/2)",
    "floor((oh-ih)*{focus_y})": "floor((oh-ih)/2)",
    "floor((W-w)*{focus_x})": "floor((W-w)/2)",
    "floor((H-h)*{focus_y})": "floor((H-h)/2)",
}
"""Expressions that had no focus in version 0.1, as they were written there."""


def centred(mode: Mode) -> Mode:
    """Return a mode as version 0.1 had it, for digests: the same if the focus is the centre."""
    steps = []
    for step in mode.steps:
        options = ((key, _CENTRED.get(value, value)) for key, value in step.options)
        steps.append(replace(step, options=tuple(options)))
    return replace(mode, steps=tuple(steps))


MAX_LOSS = 0.3
"""The default of `--max-loss`."""


class Fallback(Record):
    """The mode for photos of which another one would crop more than `max_loss`, a fraction."""

    mode: Mode
    max_loss: float = MAX_LOSS
