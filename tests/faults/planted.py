"""Bugs planted in the logs of an honest deployment: each breaks one thing; the table names what must be found."""

from tests.faults.planted_ingest import IN_INGEST
from tests.faults.planted_records import IN_RECORDS
from tests.faults.planted_state import IN_STATE

IN_LOGS = [*IN_RECORDS, *IN_STATE, *IN_INGEST]
