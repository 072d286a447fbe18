"""How long pictures took in earlier runs, and how large they are. Imported for dry runs."""

from typing import TYPE_CHECKING, Any

from ffprep.record import Record

if TYPE_CHECKING:
    from ffprep.ledger.ledger import Ledger

_ENOUGH = 20
"""So many pictures of a run say how long others take."""

_FIND = f"""SELECT runs.ended - runs.started, runs.converted, count(*), sum(jobs.output_bytes)
FROM jobs JOIN runs ON runs.id = jobs.run
WHERE jobs.status = 'converted' AND jobs.spec IN ({{marks}})
AND runs.outcome = 'done' AND runs.converted >= {_ENOUGH}
GROUP BY runs.id HAVING count(*) >= {_ENOUGH} ORDER BY runs.id DESC LIMIT 1"""


class Speed(Record):
    """What one picture takes: seconds of a whole run, and bytes of its output."""

    seconds: float
    bytes: float


def recorded_speed(ledger: "Ledger") -> Speed | None:
    """Return the speed of the newest complete run that made many pictures of this run's Specs."""
    specs = sorted(ledger.used_specs)
    query = _FIND.format(marks=", ".join("?" * len(specs)))
    found: tuple[Any, ...] | None = None
    with ledger.transaction() as database:
        found = database.execute(query, specs).fetchone()
    if found is None or not all(isinstance(value, int | float) and value > 0 for value in found):
        return None
    seconds, converted, count, size = found
    return Speed(seconds / converted, size / count)
