"""Find the photos of a run, name their outputs, and find outputs that collide.

It reads folders, the first bytes of files without a suffix, and dates for names with `{date}`. It
never decodes or writes a photo, and knows nothing of what was converted before. Begin with `plan`:
a Request becomes a Plan.
"""
