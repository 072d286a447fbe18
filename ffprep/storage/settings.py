"""fsspec's configuration: `~/.config/fsspec/*.json`, `*.ini`, and FSSPEC_* variables.

Earlier versions of ffprep used fsspec for all stores, so people have their endpoints and encryption
there.
"""

import configparser
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ffprep.errors import EnvironmentFault


def fsspec_settings(schemes: Iterable[str]) -> dict[str, Any]:
    """Return what is set for any of `schemes`. Raise EnvironmentFault for a file that is broken."""
    names, settings = set(schemes), dict[str, Any]()
    default = Path("~/.config/fsspec").expanduser()
    folder = Path(os.environ.get("FSSPEC_CONFIG_DIR") or default)
    for path in sorted(folder.glob("*.json")) + sorted(folder.glob("*.ini")):
        try:
            found = _read(path)
            for name in names & found.keys():
                settings |= found[name]
        except (OSError, ValueError, TypeError, AttributeError, configparser.Error) as error:
            words = f"cannot read these settings for object storage: {error}"
            raise EnvironmentFault(f"{path}: {words}") from None
    for name in names:
        variable = f"FSSPEC_{name.upper()}"
        found = _value(os.environ.get(variable, "{}"))
        if not isinstance(found, dict):
            raise EnvironmentFault(f"{variable}: its value is not a JSON object; correct it")
        settings |= found
        prefix = f"{variable}_"
        for key, text in os.environ.items():
            if key.startswith(prefix) and len(key) > len(prefix):
                settings[key.removeprefix(prefix).lower()] = _value(text)
    return settings


def _read(path: Path) -> dict[str, dict[str, Any]]:
    text = path.read_text()
    if path.suffix == ".json":
        found: dict[str, dict[str, Any]] = json.loads(text)
        return found
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return {
        section: {key: _value(text) for key, text in parser[section].items()}
        for section in parser.sections()
    }


def _value(text: str) -> Any:
    """Return what a text says in JSON, or the text."""
    try:
        return json.loads(text)
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(text, text)
