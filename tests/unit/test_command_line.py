"""The command line's root is quick, and one broken command breaks no other."""

import subprocess
import sys

from click.testing import CliRunner

from stream_app.operations.command_line import COMMANDS, Row, root


def test_help_lists_every_command_and_imports_none() -> None:
    program = (
        "import sys; from stream_app.operations.command_line import COMMANDS, main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({row.target.partition(':')[0] for row in COMMANDS.values()} & set(sys.modules)))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert all(f"  {name} " in answer.stdout for name in COMMANDS)
    assert answer.stdout.splitlines()[-1] == "[]"


def test_command_without_its_module_breaks_only_itself() -> None:
    rows = {"absent": Row("stream_app.operations.no_such_module:command", "Nothing."), **COMMANDS}
    absent = CliRunner().invoke(root(rows), ["absent"])
    assert absent.exit_code == 1
    assert "`absent` is not available" in absent.output
    assert CliRunner().invoke(root(rows), ["broker", "--help"]).exit_code == 0
    assert CliRunner().invoke(root(rows), ["--help"]).exit_code == 0


def test_unknown_command_is_wrong_use() -> None:
    assert CliRunner().invoke(root(COMMANDS), ["no-such-command"]).exit_code == 2


def test_version_is_printed() -> None:
    assert CliRunner().invoke(root(COMMANDS), ["--version"], prog_name="leadstream").output.startswith("leadstream 0.")
