"""Where settings are written: mappings, ``leadstream.toml`` and ``.env``, each read into {name: text}.

Laws: a missing file is an empty one; what cannot be read is a SettingsError that names the file.
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final, cast

DOTENV: Final = ".env"
TOML: Final = "leadstream.toml"

_QUOTED: Final = re.compile(r"""(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*(?:#.*)?""")
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t"}
_DOTENV_LINE: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)")


class SettingsError(ValueError):
    """A setting that cannot be used; ``variable`` names it, ``problem`` says what is wrong with it."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable}: {problem}")
        self.variable = variable
        self.problem = problem


def texts(values: Mapping[str, object], source: str, known: Collection[str]) -> dict[str, str]:
    """Return the values that are not None as text; SettingsError for a name that is no setting."""
    for name in values:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise SettingsError(name, f"there is no such setting ({source})" + (f"; {near[0]}?" if near else ""))
    return {name: _as_text(value) for name, value in values.items() if value is not None}


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, cast(list[object], value))) if isinstance(value, list) else str(value)


def toml(cwd: Path) -> dict[str, object]:
    """Return the top level of ``leadstream.toml``."""
    try:
        return tomllib.loads((cwd / TOML).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(TOML, f"cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(TOML, str(error)) from None


def dotenv(cwd: Path) -> dict[str, str]:
    """Return the variables of ``.env``: ``NAME=value`` lines; ``export``, ``#`` comments and quotes as in Compose.

    A quoted value ends at its quote and keeps its ``#``; a backslash escapes within double quotes. ``$`` stands for
    itself.
    """
    try:
        lines = (cwd / DOTENV).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(DOTENV, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(DOTENV, "is not UTF-8") from None
    values: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not (stripped := line.strip()) or stripped.startswith("#"):
            continue
        if not (match := _DOTENV_LINE.fullmatch(stripped)):
            raise SettingsError(DOTENV, f"line {number} is not NAME=value")
        if (value := _unquoted(match[2])) is None:
            raise SettingsError(DOTENV, f"line {number} has a quote that does not end, or text behind it")
        values[match[1]] = value
    return values


def _unquoted(text: str) -> str | None:
    """Return a value without quotes and comment; None where its quote is not the end."""
    if not (value := text.strip()).startswith(("'", '"')):
        return re.split(r"\s#", text, maxsplit=1)[0].strip()
    if not (match := _QUOTED.fullmatch(value)):
        return None
    if match[1] is not None:
        return match[1].replace("\\'", "'")
    return re.sub(r'\\([nrt\\"$])', lambda escape: _ESCAPED.get(escape[1], escape[1]), match[2])
