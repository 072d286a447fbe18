"""Find the photos of a run, name their outputs, and find outputs that collide.

It reads folders and, only for files without a suffix, first bytes; it never decodes or writes a
photo, and knows nothing of what was converted before. Begin with `plan`: a Request becomes a Plan.
"""
