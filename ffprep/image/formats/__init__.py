"""What is known of single input formats: a module for each, and its parts beside it.

Each has a function `describe`, which corrects what Pillow reports by what the format says; that of
JPEG XL, which Pillow does not read, makes the whole ImageInfo. `image.probe` calls it, and imports
a module when the first picture of its format is read.
"""
