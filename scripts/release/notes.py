"""Print what CHANGELOG.md says about the version of a tag: `make release-notes TAG=v1.2.3`.

The text is also written to build/release/notes.md, for the release workflow.
"""

import re
import sys
from pathlib import Path

from ffprep.version import __version__

ROOT = Path(__file__).parents[2]
_RELATIVE_LINK = re.compile(r"\]\((?!\w+:)")


def notes(changelog: str, tag: str, version: str = __version__) -> str:
    """Return the section of a version, with links that lead to the repository.

    Raise SystemExit if the tag is of another version, or the section is missing, without a date or
    without a text.
    """
    if tag != f"v{version}":
        raise SystemExit(f"the tag {tag} is not v{version}, the version of ffprep/version.py")
    heading = rf"^## \[{re.escape(version)}\](?: - (\d{{4}}-\d\d-\d\d))?$"
    section = re.search(rf"{heading}(.*?)(?=^## |^\[|\Z)", changelog, re.MULTILINE | re.DOTALL)
    if not section:
        raise SystemExit(f"CHANGELOG.md has no section [{version}]")
    date, text = section.groups()
    if not date or not text.strip():
        raise SystemExit(f"CHANGELOG.md: the section of {version} needs a date and a text")
    repository = f"](https://github.com/ffprep/ffprep/blob/{tag}/"
    return _RELATIVE_LINK.sub(repository, text.strip()) + "\n"


if __name__ == "__main__":
    text = notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), sys.argv[1])
    file = ROOT / "build/release/notes.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    print(text, end="")
