"""Faults that happen to the broker: killed, ended, away for long, not there at a start.

Laws: only an embedded broker is ever touched; each leaves it running again.
"""

import time

from tests.faults.harness import until
from tests.faults.injections import Field, Injection

DOWN_SECONDS = 70.0
ANSWER_SECONDS = 60.0


def struck(field: Field, fault: str) -> Injection:
    return field.struck(fault, phases=" ".join(worker.phases for worker in field.deployment.workers))


def broker_kill(field: Field) -> None:
    field.pause(0.1, 2)
    field.deployment.kafka.kill()
    struck(field, "broker-kill")
    field.pause(0.5, 3)
    field.deployment.kafka.start()


def broker_term(field: Field) -> None:
    field.pause(0.1, 2)
    struck(field, "broker-term")
    field.deployment.kafka.stop()
    field.deployment.kafka.start()


def broker_down(field: Field) -> None:
    """Longer than any timeout of a session or transaction."""
    struck(field, "broker-down")
    field.deployment.kafka.kill()
    time.sleep(DOWN_SECONDS)
    field.deployment.kafka.start()


def start_without_broker(field: Field) -> None:
    """A worker that starts without a broker is alive, not ready, and goes on when there is one."""
    worker = field.any_worker()
    worker.kill()
    field.deployment.kafka.kill()
    worker.start()
    injection = struck(field, "start-without-broker")
    try:
        until(lambda: worker.ask("GET", "/live")[0] == 200, ANSWER_SECONDS, "/live is 200")
        if (status := worker.ask("GET", "/ready")[0]) != 503:
            injection.wrong = f"/ready is {status} without a broker"
    except TimeoutError as late:
        injection.wrong = f"{late}, without a broker"
    finally:
        field.deployment.kafka.start()
