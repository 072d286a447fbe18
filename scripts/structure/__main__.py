"""Print how many modules of ffprep a command imports, enters and passes through.

    python -m scripts.structure                    all commands
    python -m scripts.structure convert --edges    the most frequent changes of module too

Each command runs in a fresh process on one drawn JPEG. tests/project/test_structure.py bounds the
figures. `--python` measures another installation, for example of an earlier version.
"""

import argparse
import sys

from scripts.structure.measure import COMMANDS, Trace, measurement


def main() -> None:
    """Measure the commands asked for and print a table."""
    parser = argparse.ArgumentParser(prog="scripts.structure", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("command", nargs="*", help=f"of {', '.join(COMMANDS)} (default: all)")
    parser.add_argument("--edges", action="store_true", help="print the 40 most frequent edges")
    parser.add_argument("--modules", action="store_true", help="print modules, with their calls")
    parser.add_argument("--python", default=sys.executable, metavar="PATH")
    options = parser.parse_args()
    if unknown := set(options.command) - set(COMMANDS):
        parser.error(f"unknown command {unknown.pop()}; choose from {', '.join(COMMANDS)}")
    headings = ("imported", "no packages", "entered", "changes", "calls", "classes")
    print(f"{'':10}" + "".join(f"{heading:>13}" for heading in headings))
    with measurement(options.python) as folder:
        if "convert" not in options.command and "check" in options.command:
            folder.trace("convert")
        for command in options.command or COMMANDS:
            trace = folder.trace(command)
            print(_row(command, trace))
            if options.edges:
                print(_edges(trace))
            if options.modules:
                print(_modules(trace))


def _row(command: str, trace: Trace) -> str:
    files = len(trace.imported) - len(trace.packages)
    calls = sum(trace.calls.values())
    figures = (len(trace.imported), files, len(trace.calls), trace.changes, calls, trace.classes)
    return f"{command:10}" + "".join(f"{figure:>13}" for figure in figures)


def _edges(trace: Trace) -> str:
    return "\n".join(
        f"{count:>8}  {caller.removeprefix('ffprep.')} -> {called.removeprefix('ffprep.')}"
        for caller, called, count in trace.edges[:40]
    )


def _modules(trace: Trace) -> str:
    names = [name for name in trace.imported if name not in trace.packages]
    return "\n".join(
        f"{trace.calls.get(name, 0):>8}  {name.removeprefix('ffprep.')}" for name in names
    )


if __name__ == "__main__":
    main()
