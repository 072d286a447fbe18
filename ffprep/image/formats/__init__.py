"""What is known of single input formats: a module for each, and its parts beside it.

Each has a function `describe`, which corrects what Pillow reports by what the format says.
`image.probe` calls it; a module is imported when the first picture of its format is read.
"""
