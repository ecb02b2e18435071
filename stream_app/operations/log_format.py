"""How log lines look: for people on a console, or one JSON object a line for machines.

Laws: logs go to standard error, so that standard output stays for what a command says; Faust's and aiokafka's chatter
is shown from WARNING up, unless the level is debug.  aiokafka quotes records there: INFO is its lowest.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Literal

CHATTY = ("faust", "mode", "aiokafka", "asyncio")
QUOTES_RECORDS = "aiokafka"


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up_logging(style: Literal["console", "json"], level: str) -> None:
    """Configure the root logger of this process."""
    handler = logging.StreamHandler()
    console = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    handler.setFormatter(JsonFormatter() if style == "json" else console)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    if level == "debug":
        logging.getLogger(QUOTES_RECORDS).setLevel(logging.INFO)  # contacts' data and hashes of keys
    else:
        for name in CHATTY:
            logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
