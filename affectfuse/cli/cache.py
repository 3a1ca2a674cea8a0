"""Commands on the cache."""

from __future__ import annotations

import shutil

import typer

from affectfuse.cli.application import app

__all__ = ["cache_path", "clear_cache"]

_cache = typer.Typer(no_args_is_help=True, help="The cache: it holds faces and can be made again.")
app.add_typer(_cache, name="cache")


@_cache.command("clear")
def clear_cache() -> None:
    """Remove all that was cached: what was rendered, samples, embeddings, tracks, models."""
    from affectfuse.config import cache_dir

    folder = cache_dir()
    shutil.rmtree(folder)
    typer.echo(f"removed {folder}")


@_cache.command("path")
def cache_path() -> None:
    """Print where the cache is."""
    from affectfuse.config import cache_dir

    typer.echo(f"{cache_dir()}")
