"""Raws that a camera has written together with a JPEG. Imported when the first raw is found."""

from ffprep.core.formats import RAW
from ffprep.library.walk import Listing
from ffprep.record import replace


def without_paired_raws(listing: Listing) -> Listing:
    """Return a Listing without the raws that have another picture of their stem beside them.

    Both are one shot, and their outputs would have one name.
    """
    parts = [name.rpartition(".") for name in listing.names]
    are_raw = ["." + suffix.lower() in RAW.suffixes for _, _, suffix in parts]
    stems = {stem for (stem, _, _), raw in zip(parts, are_raw, strict=True) if not raw}
    kept = [
        index for index, (stem, _, _) in enumerate(parts) if not are_raw[index] or stem not in stems
    ]
    names = [listing.names[index] for index in kept]
    stamps = [listing.stamps[index] for index in kept] if listing.stamps else ()
    raws = sorted(set(listing.names).difference(names))
    return replace(listing, names=names, stamps=stamps, raws=raws)
