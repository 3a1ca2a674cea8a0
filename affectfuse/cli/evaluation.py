"""Commands that hold estimates against a data set's references."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectfuse.cli.application import AllowCustom, DataSetOrRecipe, Overrides, custom, evaluate

__all__ = ["evaluate_fused", "evaluate_heart_rate", "evaluate_spotting"]


@evaluate.command("heart_rate")
def evaluate_heart_rate(
    recipe: DataSetOrRecipe,
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option(help="folder for the results")] = Path("out/evaluate"),
    allow_custom: AllowCustom = False,
) -> None:
    """Measure the heart rate of a data set: errors, confidence, agreement, by subject.

    RECIPE is a data set's name (affectfuse evaluate heart_rate synthetic), or a recipe that begins
    with `extends: evaluate_heart_rate` and names its dataset, modality and evaluation.

    Overrides: dataset.root=DIR says where the data set is; evaluation=toolbox takes rPPG-Toolbox's
    protocol in place of affectfuse's own; evaluation.window_s=10 sets a key of it.

    Writes predictions.csv, metrics.json, metrics.csv and evaluation.html. What was read is kept in
    the cache: an interrupted run goes on, and a second protocol reads nothing again.
    """
    from affectfuse.evaluation.heart_rate import evaluate_heart_rate as run
    from affectfuse.evaluation.heart_rate import heart_rate_recipe
    from affectfuse.progress import StepProgress
    from affectfuse.reports.evaluations.evaluation import evaluation_table, write_evaluation
    from affectfuse.reports.writing import check_writable

    with custom(allow_custom), StepProgress() as progress:
        node = heart_rate_recipe(recipe, overrides or ())
        check_writable(out)
        result = run(node, progress.step)
    report = write_evaluation(result, out)
    typer.echo(evaluation_table(result))
    typer.echo(f"{report}")


@evaluate.command("spotting")
def evaluate_spotting(
    recipe: DataSetOrRecipe,
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option(help="folder for the results")] = Path("out/evaluate"),
    allow_custom: AllowCustom = False,
) -> None:
    """Spot the expressions of a data set: precision, recall, F1, false alarms, recognition.

    RECIPE is a data set's name (affectfuse evaluate spotting micro_expression_sessions), or a
    recipe that begins with `extends: evaluate_spotting`.

    Overrides: dataset.root=DIR says where the data set is; checkpoint=FILE whose recogniser names
    what is spotted, checkpoint=null that nothing does; modalities.micro_expression.spotter=pulse
    takes the other spotter.

    Writes matches.csv, metrics.json and metrics.csv. What was spotted is kept in the cache.
    """
    from affectfuse.evaluation.spotting import evaluate_spotting as run
    from affectfuse.evaluation.spotting import spotting_recipe
    from affectfuse.progress import StepProgress
    from affectfuse.reports.evaluations.spotting_evaluation import (
        spotting_table,
        write_spotting_evaluation,
    )
    from affectfuse.reports.writing import check_writable

    with custom(allow_custom), StepProgress() as progress:
        node = spotting_recipe(recipe, overrides or ())
        check_writable(out)
        result = run(node, progress.step)
    metrics = write_spotting_evaluation(result, out)
    typer.echo(spotting_table(result))
    typer.echo(f"{metrics}")


@evaluate.command("fused")
def evaluate_fused(
    recipe: DataSetOrRecipe,
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option(help="folder for the results")] = Path("out/evaluate"),
    against: Annotated[
        Path | None, typer.Option(help="predictions.csv of another run, to compare with")
    ] = None,
    allow_custom: AllowCustom = False,
) -> None:
    """Test a trained, fused model on a data set: scores, trust, side doors, missing modalities.

    RECIPE is a data set's name (affectfuse evaluate fused stress_predict checkpoint=FILE), or a
    recipe that begins with `extends: evaluate_fused`.

    Overrides: checkpoint=FILE says which model; dataset.root=DIR where the data set is;
    without=[NAME] tests it without a modality that the data set lacks; label_map={word: class}
    which of its words stands for which class.

    Subjects who took part in the model's training are left out. Writes predictions.csv, scores.csv,
    differences.csv, metrics.json and evaluation.html, as crossval does.
    """
    from affectfuse.progress import StepProgress
    from affectfuse.reports.evaluations.fused_checkpoint import (
        checkpoint_evaluation_table,
        write_checkpoint_evaluation,
    )
    from affectfuse.reports.writing import check_writable
    from affectfuse.training.fused.checkpoint_evaluation import evaluate_checkpoint, fused_recipe

    with custom(allow_custom), StepProgress() as progress:
        node = fused_recipe(recipe, overrides or ())
        check_writable(out)
        result = evaluate_checkpoint(node, against, progress.step)
    report = write_checkpoint_evaluation(result, out)
    typer.echo(checkpoint_evaluation_table(result))
    typer.echo(f"{report}")
