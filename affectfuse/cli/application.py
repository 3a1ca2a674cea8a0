"""The program the commands belong to, and the options that several of them have."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from affectfuse import __version__

__all__ = [
    "AllowCustom",
    "Checkpoint",
    "DataSetOrRecipe",
    "NoThumbnails",
    "Overrides",
    "Recipe",
    "Replay",
    "Source",
    "app",
    "custom",
    "evaluate",
]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Several kinds of evidence of a person's emotional state, fused; whole sessions scored. "
    "Everything stays on this machine. No score is a detector of lies.",
)
evaluate = typer.Typer(no_args_is_help=True, help="Hold estimates against a data set's references.")
app.add_typer(evaluate, name="evaluate")

Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="overrides of the recipe")
]
AllowCustom = Annotated[
    bool, typer.Option("--allow-custom", help="let configs name classes in ./custom/ (runs them)")
]
Source = Annotated[str, typer.Argument(help="a video file, camera:0, rtsp://... or http://...")]
Recipe = Annotated[str, typer.Argument(help="a recipe's name or a YAML file")]
DataSetOrRecipe = Annotated[
    str, typer.Argument(help="a data set's name, or a recipe's name or YAML file")
]
Checkpoint = Annotated[
    str | None, typer.Option(help="a trained model, or 'demo' (synthetic, for trying out)")
]
Replay = Annotated[
    bool, typer.Option("--replay", help="read a file in real time, as a camera would give it")
]
NoThumbnails = Annotated[
    bool, typer.Option("--no-thumbnails", help="keep pictures of the face out of the page")
]


def _version(show: bool) -> None:
    if show:
        typer.echo(f"affectfuse {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    pass


def custom(allow: bool) -> AbstractContextManager[None]:
    """Return a context in which configs may name classes in ./custom/, if allowed."""
    if not allow:
        return nullcontext()
    from affectfuse.config import custom_package

    return custom_package(Path.cwd())
