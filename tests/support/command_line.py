"""The output and the exit code of a call of the command line."""

import json
import os
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ran:
    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON objects of stdout, one a line."""
        return [json.loads(line) for line in self.out.decode("ascii").splitlines()]

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """The results of a --json run by their source's file name."""
        return {os.path.basename(d["source"]): d for d in self.lines if "source" in d}

    @property
    def summary(self) -> dict[str, Any]:
        return self.lines[-1]["summary"]

    def kinds(self) -> dict[str, str]:
        """The kinds of what failed, by file name."""
        failed = {name: d["error"] for name, d in self.results.items() if d["error"]}
        return {name: error["kind"] for name, error in failed.items()}
