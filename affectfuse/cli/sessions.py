"""Commands on scored sessions: compare them; the schema of what is written of one."""

from __future__ import annotations

import typer

from affectfuse.cli.application import app

__all__ = ["schema"]


@app.command()
def schema() -> None:
    """Print the JSON Schema of session.json (and of spotted.json)."""
    from affectfuse.reports.schemas import session_schema

    typer.echo(session_schema(), nl=False)
