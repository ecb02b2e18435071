"""What the oracle found: findings that are counted and named, and the sums that were compared."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["lost", "double", "wrong", "stale"]
KINDS: tuple[Kind, ...] = ("lost", "double", "wrong", "stale")
SHOWN = 15
LONGEST = 900


@dataclass(frozen=True)
class Finding:
    """``what`` is the thing compared: input, journal, output, version, ledger, dead letter, state, accounting, log."""

    kind: Kind
    what: str
    where: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.kind} {self.what}"


@dataclass
class Verdict:
    findings: list[Finding] = field(default_factory=list)
    totals: Counter[str] = field(default_factory=Counter)

    def add(self, kind: Kind, what: str, where: object, text: str) -> None:
        self.findings.append(Finding(kind, what, str(where), text if len(text) <= LONGEST else text[:LONGEST] + " ..."))

    @property
    def ok(self) -> bool:
        """Nothing found, and there was something to compare."""
        return not self.findings and self.totals["inputs"] > 0

    @property
    def names(self) -> set[str]:
        return {finding.name for finding in self.findings}

    def count(self, kind: Kind) -> int:
        return sum(finding.kind == kind for finding in self.findings)

    def as_dict(self) -> dict[str, object]:
        return {
            "ok": self.ok,
            **{kind: self.count(kind) for kind in KINDS},
            "totals": dict(self.totals),
            "names": dict(Counter(finding.name for finding in self.findings)),
            "findings": [f"{f.name} {f.where}: {f.text}" for f in self.findings[:SHOWN]],
        }

    def table(self) -> str:
        lines = [f"{'verdict':<24} {'exact' if self.ok else 'NOT EXACT'}"]
        lines += [f"{name:<24} {number:>10,}" for name, number in self.totals.items()]
        lines += [f"{kind:<24} {self.count(kind):>10,}" for kind in KINDS]
        lines += [f"  {f.name}: {f.where}: {f.text}" for f in self.findings[:SHOWN]]
        if len(self.findings) > SHOWN:
            lines.append(f"  ... and {len(self.findings) - SHOWN} more")
        return "\n".join(lines)
