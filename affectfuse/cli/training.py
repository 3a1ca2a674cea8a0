"""Commands that train: one model, every fold of a protocol, the demo; and what a model is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affectfuse.cli.application import AllowCustom, Overrides, Recipe, app, custom

if TYPE_CHECKING:
    from affectfuse.training.fused.train import TrainingResult
    from affectfuse.training.trained_weights import TrainedWeights

__all__ = ["crossval", "demo", "info", "train"]


@app.command()
def train(
    recipe: Recipe,
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option(help="folder for the checkpoint and its metrics")] = Path(
        "out/train"
    ),
    allow_custom: AllowCustom = False,
) -> None:
    """Train a fused model, the pulse network (heart_rate_pulse) or the micro_expression_spotter."""
    from affectfuse.config import load_recipe
    from affectfuse.progress import StepProgress
    from affectfuse.reports.writing import check_writable
    from affectfuse.training.fitting import first_process
    from affectfuse.training.fused.train import train as train_fused
    from affectfuse.training.pulse.pulse import train_pulse
    from affectfuse.training.spotting.spotter import train_spotter

    with custom(allow_custom), StepProgress() as progress:
        node = load_recipe(recipe, overrides or ())
        check_writable(out)
        result: TrainedWeights | TrainingResult
        if "pulse_training" in node:
            result = train_pulse(node, out, progress.step)
        elif "spotter_training" in node:
            result = train_spotter(node, out, progress.step)
        else:
            result = train_fused(node, out, progress.step)
    if first_process():
        typer.echo(result.table())
        typer.echo(f"{result.checkpoint}")


@app.command()
def crossval(
    recipe: Recipe,
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option(help="folder for the results")] = Path("out/crossval"),
    against: Annotated[
        Path | None, typer.Option(help="predictions.csv of another run, to compare with")
    ] = None,
    allow_custom: AllowCustom = False,
) -> None:
    """Train and test in every fold of a protocol; score all predictions at once.

    RECIPE names a data set and what is trained: with the key `fusion` fused models, as `train`
    does; else a recogniser of clips (affectfuse crossval megc2019_flow), whose own recipe begins
    with `extends: crossval`.

    Overrides: dataset.root=DIR says where the data set is; split.protocol=leave_one_dataset_out
    takes another protocol; split.validation=0.2 chooses the epoch on subjects inside training;
    permuted=true puts the labels in random order.

    Writes predictions.csv, scores.csv, crossval.json and crossval.html, and confusion.csv or, of
    fused models, differences.csv. What each fold gave is kept in the folder: an interrupted run
    goes on.
    """
    from affectfuse.config import load_recipe
    from affectfuse.progress import StepProgress
    from affectfuse.reports.evaluations.crossval import crossval_table, write_crossval
    from affectfuse.reports.evaluations.fused_crossval import (
        fused_crossval_table,
        write_fused_crossval,
    )
    from affectfuse.reports.writing import check_writable
    from affectfuse.training.fused.crossval import cross_validate_fused
    from affectfuse.training.recognition.crossval import cross_validate

    with custom(allow_custom), StepProgress() as progress:
        node = load_recipe(recipe, overrides or ())
        check_writable(out)
        if "fusion" in node:
            fused = cross_validate_fused(node, out, against, progress.step)
            report, table = write_fused_crossval(fused, out), fused_crossval_table(fused)
        else:
            result = cross_validate(node, out, against, progress.step)
            report, table = write_crossval(result, out), crossval_table(result)
    typer.echo(table)
    typer.echo(f"{report}")


@app.command()
def demo(
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option(help="folder for everything the demo makes")] = Path(
        "out/demo"
    ),
) -> None:
    """Synthesise a corpus, train on it, score an unseen session; print truth beside estimate."""
    from affectfuse.config import load_recipe
    from affectfuse.demo import run_demo
    from affectfuse.progress import StepProgress
    from affectfuse.reports.writing import check_writable

    recipe = load_recipe("demo", overrides or ())
    check_writable(out)
    with StepProgress() as progress:
        result = run_demo(recipe, out, progress.step)
    typer.echo(result.table())
    typer.echo(f"report: {result.report}")


@app.command()
def info(
    checkpoint: Annotated[str, typer.Argument(help="a checkpoint file, or 'demo'")],
) -> None:
    """Print what a checkpoint says of itself."""
    from affectfuse.checkpoint import load_checkpoint

    typer.echo(load_checkpoint(checkpoint).describe())
