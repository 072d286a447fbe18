"""Pages of docs/ that are made from data: `python -m scripts.pages.modes`."""
