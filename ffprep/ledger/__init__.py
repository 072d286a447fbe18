"""The ledger of an output folder: what was made of which photo, and what failed.

It decides what is up to date, and converts nothing. Begin with `freshness`, then `ledger`.
"""
