"""The report of a run: one HTML file that shows what was made of each photo.

It reads the results of a run, or a ledger, makes thumbnails, and writes the file. It prints
nothing. Begin with `page`, the contract with the page, then `document`.
"""
