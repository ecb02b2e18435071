"""Headers that workers exchange with each other and with clients about who answered.

Reads and writes nothing.
"""

from typing import Final

FORWARDED: Final = "Leadstream-Forwarded"  # 1: another worker sent this request here; it is not sent on
PARTITIONS: Final = "Leadstream-Partitions"  # 0,3: answer a question about many contacts for these partitions only
RULEBOOK_VERSION: Final = "Leadstream-Rulebook-Version"  # 12: the answer is in force from this version on
