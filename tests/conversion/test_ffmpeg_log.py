"""Lines as FFmpeg 9.0.2 prints them."""

import pytest

from ffprep.conversion.ffmpeg_log import StreamLog, read
from ffprep.core.geometry import Size

FRAME = (
    "[Parsed_showinfo_0 @ 0x7f] [info] n:   0 pts:      0 pts_time:0       duration:      1 "
    "duration_time:0.04    fmt:yuvj420p cl:center sar:1/1 s:600x450 i:P iskey:1 type:I \n"
)


def test_the_sizes_decoded_are_found() -> None:
    second = FRAME.replace("pts:      0", "pts:      5").replace("600x450", "7x9")
    assert read("noise\n" + FRAME + second).frames == {0: Size(600, 450), 5: Size(7, 9)}


def test_complaints_about_the_picture_are_damage() -> None:
    log = read(
        FRAME
        + "[mjpeg @ 0x55] [error] overread 8\n[mjpeg @ 0x55] [warning] EOI missing, emulating\n"
    )
    assert log.damage == ("overread 8",)


def test_complaints_about_metadata_are_not_damage() -> None:
    log = read(
        "[mjpeg @ 0x5] [error] unable to decode APP fields: Invalid data found\n"
        "[tiff @ 0x5] [error] could not parse EXIF data: Invalid data found\n"
        "[out#0/image2 @ 0x5] [error] Nothing was written\n"
    )
    assert log.damage == ()
    assert read("[png @ 0x5] [error] CRC mismatch in chunk, skipping\n").damage


def test_a_jpeg_without_an_end_is_suspected_and_not_yet_damaged() -> None:
    log = read("[mjpeg @ 0x55] [warning] EOI missing, emulating\n" + FRAME)
    assert (log.damage, log.ends_early) == ((), True)
    assert log.may_complain_about(0)
    assert not read(FRAME).ends_early


def test_a_complaint_in_a_sequence_may_be_about_the_photos_around_it() -> None:
    third = FRAME.replace("pts:      0", "pts:      3")
    log = read(FRAME + "[bmp @ 0x55] [error] missing line alignment\n" + third)
    assert not log.may_complain_about(0)  # it was logged before the complaint
    assert all(log.may_complain_about(number) for number in (1, 3, 9))
    assert not read(FRAME + third).may_complain_about(3)


def test_dropped_photos_do_not_count_between_a_complaint_and_its_photo() -> None:
    far = FRAME.replace("pts:      0", "pts:    200")
    assert read(
        FRAME + "[mjpeg @ 0x55] [warning] EOI missing, emulating\n" + far
    ).may_complain_about(200)


def test_a_log_that_is_read_as_it_grows_is_the_whole_log() -> None:
    frames = [FRAME.replace("pts:      0", f"pts:      {number}") for number in range(3)]
    complaint = "[mjpeg @ 0x55] [error] overread 8\n"
    text = frames[0] + complaint + frames[1] + complaint + frames[2].rstrip("\n")
    for step in (1, 50, 10_000):
        growing, whole = StreamLog(), read(text)
        for end in range(0, len(text), step):
            log = growing.read(text[:end], ended=False)
        assert 2 not in log.frames
        log = growing.read(text, ended=True)
        assert (log.frames, log.complaints) == (whole.frames, whole.complaints)
        assert log.jpeg_range


def test_a_graph_fault_differs_from_a_photo_that_cannot_be_read() -> None:
    assert "crp" in (
        read("[AVFilterGraph @ 0xa] [error] No such filter: 'crp'\n").graph_fault or ""
    )
    assert (
        read("[Parsed_crop_0 @ 0xa] [error] Invalid too big or non positive size\n").graph_fault
        is None
    )


def test_a_missing_picture_is_not_a_graph_fault() -> None:
    log = read(
        "[in#0 @ 0xa] [error] Unable to parse Exif metadata\n"
        "[webp @ 0xa] [error] Invalid partitions\n"
        "[graph 0 input from stream 0:0 @ 0xa] [error] Invalid size 0x0\n"
        "[fc#0 @ 0xa] [error] Error initializing filters!\n"
    )
    assert log.graph_fault is None
    assert read("[fc#0 @ 0xa] [error] Error initializing filters!\n").graph_fault


@pytest.mark.parametrize(
    "message",
    [
        "[fc#0 @ 0xa] [fatal] Stream specifier ':g:0' in filtergraph description x matches no "
        "streams.\n[fatal] Error binding filtergraph inputs/outputs: Invalid argument\n",
        "[error] Error opening input file in.heic.\n",
    ],
)
def test_a_file_without_a_picture_that_ffmpeg_knows_is_not_a_graph_fault(message: str) -> None:
    log = read(message)
    assert log.unopened
    assert log.graph_fault is None


def test_a_missing_part_of_ffmpeg_is_named() -> None:
    assert (
        read("[vost#0:0 @ 0xa] [fatal] Unknown encoder 'libwebp'\n").missing_part
        == "encoder libwebp"
    )
    assert read("[fatal] Unknown decoder 'jpeg2000'\n").missing_part == "decoder jpeg2000"


def test_an_unknown_kind_of_picture_differs_from_a_broken_one() -> None:
    refused = "[dec:mjpeg @ 0xa] [error] Error submitting packet to decoder: Invalid data found\n"
    assert read(refused).invalid
    assert not read("[mjpeg @ 0xa] [error] mjpeg: unsupported coding type (c9)\n" + refused).invalid
    assert not read("").invalid


def test_a_full_disk_is_detected() -> None:
    assert read("[out#0/image2 @ 0xa] [error] Error writing: No space left on device\n").disk_full
