"""Tools of the project, by purpose. Run them from its root: `python -m scripts.bench`."""
