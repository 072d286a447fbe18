"""The ledgers of an output folder, to be changed by a command that is not a run."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from ffprep.core.location import Location
from ffprep.core.shard import Shard
from ffprep.errors import EnvironmentFault, reason
from ffprep.ledger.ledger import Ledger, open_ledger
from ffprep.ledger.shards import LedgerFile
from ffprep.storage.protocol import storage_of
from ffprep.system.files import real_folder


@contextmanager
def locked(
    output: Location, files: Sequence[LedgerFile], wait: float, stopped: Callable[[], bool]
) -> Iterator[None]:
    """Keep runs out of an output folder that has these ledgers.

    Wait `wait` seconds for a run, unless `stopped`. Raises OutputLocked, EnvironmentFault.
    """
    # In a store, the lock of a folder does not exclude shards.
    shards = () if storage_of(output).is_local else (file.shard for file in files)
    with ExitStack() as stack:
        for shard in {None, *shards}:
            _lock(stack, output, shard, wait, stopped)
        yield


def _lock(
    stack: ExitStack,
    output: Location,
    shard: Shard | None,
    wait: float,
    stopped: Callable[[], bool],
) -> None:
    try:
        stack.enter_context(storage_of(output).lock(output, wait, shard, stopped))
    except OSError as error:
        raise EnvironmentFault(f"cannot lock {output}: {reason(error)}") from None


@contextmanager
def opened(
    output: Location, file: LedgerFile, warn: Callable[[str], None], read_only: bool = False
) -> Iterator[Ledger]:
    """Open a ledger. Raises EnvironmentFault, also if it is that of another folder."""
    with open_ledger(file.path, warn, read_only=read_only) as ledger:
        ledger.require_own(real_folder(os.fspath(output)).rstrip("/") or "/")
        yield ledger


def accept_failures(
    output: Location, files: Sequence[LedgerFile], warn: Callable[[str], None]
) -> int:
    """Note in all ledgers that what fails now is accepted. Return the number of failures.

    Raises OutputLocked, EnvironmentFault.
    """
    from ffprep.ledger.known_failures import accept_failures

    count = 0
    with locked(output, files, 0.0, lambda: False):
        for file in files:
            with opened(output, file, warn) as ledger:
                count += accept_failures(ledger)
    return count
