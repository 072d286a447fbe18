"""Convert all cases, and print docs/guide/formats.md; fail if one is not as it declares.

python -m scripts.cases > docs/guide/formats.md
"""

import sys
import tempfile
from pathlib import Path

from scripts.cases.all_cases import CASES
from scripts.cases.page import page
from scripts.cases.run import converted, fault, write_all


def main() -> int:
    """Return the exit status: 1 if a case is wrong."""
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name, "in"), Path(name, "out")
        folder.mkdir()
        out.mkdir()
        write_all(folder, CASES)
        made = converted(folder, out, streams=True)
    faults = {case.file_name: fault(case, made[case.file_name]) for case in CASES}
    wrong = [f"{name}: {words}" for name, words in faults.items() if words]
    print("\n".join(wrong), file=sys.stderr, end="\n" * bool(wrong))
    print(page(CASES), end="")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
