"""The commands. What a command needs is imported when it runs, so that `--help` is instant."""

from __future__ import annotations

import os
import sys

import typer

from affectfuse.cli import cache, evaluation, events, export, recordings, sessions, training
from affectfuse.cli.application import app
from affectfuse.errors import AffectFuseError, OutputError

__all__ = [
    "app",
    "cache",
    "evaluation",
    "events",
    "export",
    "main",
    "recordings",
    "sessions",
    "training",
]


def main() -> None:
    """Entry point: one clear line and exit code 2 for what the user can put right."""
    try:
        app()
    except AffectFuseError as error:
        _fail(error)
    except (PermissionError, IsADirectoryError, NotADirectoryError) as error:
        _fail(OutputError(f"cannot use {error.filename}: {error.strerror}."))
    except OSError as error:
        if error.errno != 28:  # no space left on device
            raise
        _fail(OutputError("no space is left on the disk: free some and run again."))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _fail(error: AffectFuseError) -> None:
    typer.echo(f"affectfuse: {error}", err=True)
    sys.exit(2)
