"""Turns CDNOW's 69,659 real orders of 1997-98 into engagement events, in time order.

The data is ``lifetimes/datasets/CDNOW_master.txt`` inside the PyPI wheel Lifetimes 0.11.3 (MIT): one line per order of
one of 23,570 customers, with its date, number of CDs and amount.  docs/demo-data.md tells source, licence and limits.

What really happened -> what the stream says (the first three are the act itself, the others stand for it):

- an order             -> ``page_visit`` of the cart, ``form_submit`` of the checkout, ``email_delivered`` (the receipt)
- the first order      -> and ``custom_event`` completed_onboarding
- an order after that  -> and ``email_open``, ``email_click`` on https://example.com/music: the customer came back
- four CDs or more     -> and ``email_open``, ``email_click`` on https://example.com/pricing (instead of .../music)
- 100 dollars or more  -> and ``tag_added`` demo-requested
- an order for nothing -> and ``asset_download`` of the free CD
- nothing              -> ``email_complaint``, ``unsubscribe``: the data records no such act

Laws: the same wheel gives the same bytes; an event's id is ``cdnow-<line>-<step>``; ``occurredAt`` is the order's date.
The data has no time of day, so a day's orders are spread evenly over it, in file order, steps a second apart.
Reads a wheel whose hash is pinned here; ``fetch`` writes it into a folder of the caller's, by the ordinary pip client.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from schemas.ids import contact_key

REQUIREMENT: Final = "Lifetimes==0.11.3"
WHEEL: Final = "Lifetimes-0.11.3-py3-none-any.whl"
WHEEL_SHA256: Final = "261e3dc89977c2b60767ca6728aaa29d429de0c814635070a749c36555895da8"
MEMBER: Final = "lifetimes/datasets/CDNOW_master.txt"
COLUMNS: Final = ["customer_id", "date", "number_of_cds", "dollar_value"]

ORG: Final = "1"
SITE: Final = "1"
BULK_CDS: Final = 4
LARGE_CENTS: Final = 100_00
DOWNLOAD_SECONDS: Final = 120
SECONDS_A_DAY: Final = 86_400


class DatasetUnavailable(Exception):
    """The wheel with the data could not be had, or is not the pinned one; the text says which and what to do."""


class Order(NamedTuple):
    """One line of the file: who ordered how much on which day; ``line`` counts from 1, the header included."""

    line: int
    customer: str
    day: str
    cds: int
    cents: int


Event = tuple[bytes, bytes, int]


def fetch(folder: Path) -> Path:
    """Return the pinned wheel in ``folder``; if it is not there, download it (pip, hash-checked, no dependencies)."""
    wheel = folder / WHEEL
    if not pinned(wheel):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            _download(Path(scratch))
            (Path(scratch) / WHEEL).replace(wheel)
    return wheel


def pinned(wheel: Path) -> bool:
    """Tell whether the file is there and is the wheel whose hash is pinned."""
    return wheel.is_file() and hashlib.sha256(wheel.read_bytes()).hexdigest() == WHEEL_SHA256


def _download(into: Path) -> None:
    requirements = into / "requirements.txt"
    requirements.write_text(f"{REQUIREMENT} --hash=sha256:{WHEEL_SHA256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--require-hashes", "--dest", str(into), "-r", str(requirements)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS)  # noqa: S603 - fixed words
    except subprocess.CalledProcessError as error:
        raise DatasetUnavailable(f"pip could not download {REQUIREMENT}: {error.stderr.strip()}") from error
    except subprocess.TimeoutExpired as error:
        raise DatasetUnavailable(f"pip did not download {REQUIREMENT} in {DOWNLOAD_SECONDS} s") from error


def events(wheel: Path, customers: int | None = None) -> Iterator[Event]:
    """Yield (record key, value, event time in ms), oldest first; ``customers`` keeps only the first so many."""
    if not pinned(wheel):
        raise DatasetUnavailable(f"{wheel} is not the pinned {WHEEL}: remove it, it will be downloaded again")
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read(MEMBER).decode("ascii").splitlines()
    return order_events(order for order in orders(lines) if customers is None or int(order.customer) <= customers)


def orders(lines: Iterable[str]) -> Iterator[Order]:
    """Yield the orders of the file's lines; ValueError when the header or a line is not as expected."""
    numbered = enumerate(lines, start=1)
    if next(numbered, (0, ""))[1].split() != COLUMNS:
        raise ValueError(f"expected the columns {COLUMNS}")
    for line, text in numbered:
        customer, day, cds, dollars = text.split()
        whole, _, cents = dollars.partition(".")
        yield Order(line, str(int(customer)), day, int(cds), int(whole) * 100 + int(cents.ljust(2, "0")))


def order_events(found: Iterable[Order]) -> Iterator[Event]:
    """Yield the events of the orders in time order: by day, then file order (a customer's orders keep theirs)."""
    ordered = sorted(found, key=lambda order: (order.day, order.line))
    a_day = Counter(order.day for order in ordered)
    today, place = "", 0
    seen: set[str] = set()
    for order in ordered:
        today, place = order.day, place + 1 if order.day == today else 0
        second = _midnight(order.day) + SECONDS_A_DAY * place // a_day[order.day]
        for step, (kind, properties) in enumerate(acts(order, first=order.customer not in seen)):
            yield _event(order, step, kind, properties, second + step)
        seen.add(order.customer)


def acts(order: Order, *, first: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (event type, properties) of one order: the table at the head of this file."""
    yield "page_visit", {"url": "https://example.com/cart"}
    yield "form_submit", {"form": "checkout", "cds": order.cds, "cents": order.cents}
    yield "email_delivered", {"mail": "receipt"}
    if first:
        yield "custom_event", {"name": "completed_onboarding"}
    if not first or order.cds >= BULK_CDS:
        page = "pricing" if order.cds >= BULK_CDS else "music"
        yield "email_open", {"mail": "offer"}
        yield "email_click", {"mail": "offer", "url": f"https://example.com/{page}"}
    if order.cents >= LARGE_CENTS:
        yield "tag_added", {"tagName": "demo-requested"}
    if order.cents == 0:
        yield "asset_download", {"asset": "free-cd"}


def _midnight(day: str) -> int:
    return int(datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).timestamp())


def _event(order: Order, step: int, kind: str, properties: dict[str, Any], second: int) -> Event:
    value = {
        "eventId": f"cdnow-{order.line}-{step}",
        "orgId": ORG,
        "siteId": SITE,
        "contactId": order.customer,
        "type": kind,
        "occurredAt": datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "properties": properties,
    }
    return contact_key(ORG, order.customer), msgspec.json.encode(value), second * 1000
