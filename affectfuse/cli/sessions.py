"""Commands on scored sessions: compare them; the schema of what is written of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectfuse.cli.application import app

__all__ = ["compare", "schema"]


@app.command()
def compare(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="folders that 'affectfuse score' wrote")
    ],
    out: Annotated[Path, typer.Option(help="folder for the results")] = Path("out/compare"),
) -> None:
    """Hold scored sessions side by side: of one person over time, or of many.

    Writes comparison.csv, comparison.json and comparison.html. Nothing is pooled over sessions.
    """
    from affectfuse.reports.comparison import compare_folders
    from affectfuse.reports.comparison_page import write_comparison
    from affectfuse.reports.writing import check_writable

    check_writable(out)
    comparison = compare_folders(folders)
    page = write_comparison(comparison, out)
    for text in comparison.warnings():
        typer.echo(f"note: {text}", err=True)
    for reason in comparison.left_out:
        typer.echo(f"left out: {reason}", err=True)
    left = f", {len(comparison.left_out)} left out" if comparison.left_out else ""
    typer.echo(f"{len(comparison.sessions)} sessions compared{left}")
    typer.echo(f"{page}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of session.json (and of spotted.json)."""
    from affectfuse.reports.schemas import session_schema

    typer.echo(session_schema(), nl=False)
