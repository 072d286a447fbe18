"""What to do about failures of each kind, in a sentence."""

from ffprep.errors import Kind

ADVICE = {
    Kind.DAMAGED: "Restore these photos from a backup, or convert what can be decoded with "
    "--damaged keep.",
    Kind.UNSUPPORTED: "Save these files as JPEG, PNG or TIFF with another program; the sentence "
    "says what ffprep does not read.",
    Kind.TOO_LARGE: "Raise --max-pixels or --max-memory if you trust these files.",
    Kind.UPSCALE: "Find larger originals, ask for a smaller size, or give --upscale allow.",
    Kind.CUT: "Give --mode auto, which pads such photos, or another mode for these; or --max-cut "
    "allow.",
    Kind.TIMEOUT: "Run again when the machine is less busy, or raise --timeout.",
    Kind.COLLISION: "Rename one of the photos, or give --names, so that each output has its own "
    "name.",
    Kind.MISSING: "Look where these photos went, and run again.",
    Kind.IO: "Check the disk or the network share, and the permissions, and run again.",
    Kind.INTERNAL: "This is a bug in ffprep; please report it with the photo.",
}
