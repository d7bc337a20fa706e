"""Writes docs/commands.md from the commands' own help: `python tests/support/cli_reference.py`."""

from pathlib import Path

import click

from sparse_mcu.costmodel.cli import main

TARGET = Path(__file__).parents[2] / "docs" / "commands.md"
_WIDTH = 100


def reference() -> str:
    """Returns the help of every command as Markdown."""
    context = click.Context(main, info_name="sparse-mcu", max_content_width=_WIDTH, terminal_width=_WIDTH)
    parts = ["# Commands", "", "Written from the commands' own `--help` by `tests/support/cli_reference.py`.", ""]
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        if command is None:
            raise LookupError(name)
        inner = click.Context(command, parent=context, info_name=name, max_content_width=_WIDTH, terminal_width=_WIDTH)
        parts += [f"## {name}", "", "```", command.get_help(inner), "```", ""]
    return "\n".join(parts)


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
