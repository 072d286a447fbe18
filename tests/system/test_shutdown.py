import os
import signal

import pytest

from ffprep.errors import Interrupted
from ffprep.system.shutdown import Signals


def test_the_first_signal_raises_and_later_ones_stop_the_run() -> None:
    with Signals() as signals, pytest.raises(Interrupted) as caught:
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.exit_code == 143
    stops: list[int] = []
    with Signals() as signals:
        signals.while_running(lambda: stops.append(1))
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        assert (signals.number, stops) == (signal.SIGINT, [1])
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
