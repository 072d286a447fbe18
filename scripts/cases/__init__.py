"""Pictures that are unusual but sound, drawn here, and what ffprep makes of each.

Begin at `case`. Each format has a module of its own with a list `CASES`; `all_cases` has them all.
"""
