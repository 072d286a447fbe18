"""Simulate a run over many processors, event by event.

This shows what arithmetic does not: the end, where processors wait for the last chunks; slow
processors; machines lost with chunks in work; and a submitting process that is too slow, or has
reached its limit of chunks.
"""

import heapq
import math
from collections import deque
from dataclasses import dataclass, replace
from random import Random

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Run:
    """The parameters of a simulation. Times are in seconds.

    A photo takes `photo` on average, with the standard deviation `deviation`; a chunk takes `start`
    in addition to its photos. Chunks have `chunk` photos, fewer towards the end if `shrink`. The
    submitting process takes `submission` for each photo, the scheduler `task` for each chunk. At
    most two chunks for each processor are submitted. A processor is lost `kills` times an hour,
    with its chunk, and replaced after `absence`. The fraction `slow` takes twice the time.
    """

    photos: int
    processors: int
    photo: float
    deviation: float
    start: float
    submission: float
    chunk: int
    shrink: bool = True
    kills: float = 0.0
    absence: float = 120.0
    slow: float = 0.0
    task: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Shares of the processors' time; `end` is the time after the last chunk was submitted."""

    seconds: float
    photos: float
    starts: float
    lost: float
    end: float

    @property
    def waiting(self) -> float:
        """Share in which processors had nothing to do, or were missing."""
        return 1 - self.photos - self.starts - self.lost


def simulate(run: Run, seed: int = 1) -> Outcome:
    """Simulate a run. The same seed gives the same outcome."""
    random = Random(seed)
    free = [(0.0, number) for number in range(run.processors)]  # heaps: when, and which
    again: list[tuple[float, int]] = []  # when a chunk was lost, and its length
    taken = deque([0.0] * run.processors, run.processors)  # when the last ones were taken
    left, slow = run.photos, int(run.slow * run.processors)
    sent = photos = starts = lost = finish = drained = 0.0
    while left or again:
        now, number = heapq.heappop(free)
        if again and (again[0][0] <= now or not left):
            came, length = heapq.heappop(again)  # it is not submitted again
        else:
            length = _length(run, left)
            left -= length
            # At most two chunks a processor: this one waited until an earlier one was done.
            came = sent = max(sent, taken[0]) + max(length * run.submission, run.task)
            taken.append(now)
            drained = max(now, came)
        begin = max(now, came)
        work = max(0.0, random.gauss(length * run.photo, math.sqrt(length) * run.deviation))
        work *= 2 if number < slow else 1
        end = begin + (random.expovariate(run.kills / HOUR) if run.kills else math.inf)
        if end < begin + run.start + work:
            lost += end - begin
            heapq.heappush(again, (end, length))
            heapq.heappush(free, (end + run.absence, number))
        else:
            end = begin + run.start + work
            photos, starts, finish = photos + work, starts + run.start, max(finish, end)
            heapq.heappush(free, (end, number))
    total = finish * run.processors
    return Outcome(finish, photos / total, starts / total, lost / total, finish - drained)


def _length(run: Run, left: int) -> int:
    """Return the length of the next chunk, as `ffprep.run.window` computes it."""
    if not run.shrink:
        return min(run.chunk, left)
    return max(1, min(run.chunk, math.ceil(left / (2 * run.processors))))


def shared_out(run: Run, shards: int, seed: int = 1) -> Outcome:
    """Simulate the work as `shards` runs with equal processors; it ends with the last run."""
    part = replace(run, photos=run.photos // shards, processors=run.processors // shards)
    ends = [simulate(part, 1000 * seed + number) for number in range(shards)]
    last = max(one.seconds for one in ends)

    def share(name: str) -> float:
        return sum(float(getattr(one, name)) * one.seconds for one in ends) / (last * shards)

    end = last - min(one.seconds - one.end for one in ends)
    return Outcome(last, share("photos"), share("starts"), share("lost"), end)
