"""How many modules one call of the command line imports and passes through."""

from collections.abc import Iterator

import pytest

from scripts.structure.measure import Measurement, measurement

# Imports include packages; modules do not.
CHECK_IMPORTS = 45
CONVERT_IMPORTS = 77
CONVERT_MODULES = 65
CONVERT_CHANGES = 300


@pytest.fixture(scope="module")
def folder() -> Iterator[Measurement]:
    with measurement() as made:
        yield made


def test_convert_imports_few_modules_and_seldom_changes_module(folder: Measurement) -> None:
    trace = folder.trace("convert")
    assert len(trace.imported) <= CONVERT_IMPORTS, trace.imported
    modules = set(trace.imported) - set(trace.packages)
    assert len(modules) <= CONVERT_MODULES, modules
    for _ in range(3):  # a run on a busy machine waits longer, and polls more often
        if trace.changes <= CONVERT_CHANGES:
            break
        trace = folder.trace("convert")
    assert 0 < trace.changes <= CONVERT_CHANGES, trace.edges[:20]


def test_check_imports_few_modules(folder: Measurement) -> None:
    folder.trace("convert")
    imported = folder.trace("check").imported
    assert len(imported) <= CHECK_IMPORTS, imported
    assert "ffprep.image.probe" in imported
    assert not [name for name in imported if name.startswith("ffprep.submit.")]
