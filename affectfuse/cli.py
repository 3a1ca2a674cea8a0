"""The commands. What a command needs is imported when it runs, so that `--help` is instant."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affectfuse import __version__
from affectfuse.errors import AffectFuseError, ConfigError, OutputError

if TYPE_CHECKING:
    from affectfuse.progress import ScoreProgress
    from affectfuse.recording.reader import Recording
    from affectfuse.training.train import TrainingResult
    from affectfuse.training.trained_weights import TrainedWeights

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Several kinds of evidence of a person's emotional state, fused; whole sessions scored. "
    "Everything stays on this machine. No score is a detector of lies.",
)
cache = typer.Typer(no_args_is_help=True, help="The cache: it holds faces and can be made again.")
app.add_typer(cache, name="cache")
evaluate = typer.Typer(no_args_is_help=True, help="Hold estimates against a data set's references.")
app.add_typer(evaluate, name="evaluate")

Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="overrides of the recipe")
]
AllowCustom = Annotated[
    bool, typer.Option("--allow-custom", help="let configs name classes in ./custom/ (runs them)")
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


@app.command()
def score(
    recording: Annotated[
        str, typer.Argument(help="a video file, camera:0, rtsp://... or http://...")
    ],
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option(help="folder for the results")] = Path("out/score"),
    checkpoint: Annotated[
        str | None, typer.Option(help="a trained model, or 'demo' (synthetic, for trying out)")
    ] = None,
    events: Annotated[
        Path | None, typer.Option(help="the questions: BIDS events.tsv or CSV with onset, duration")
    ] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="read a file in real time, as a camera would give it")
    ] = False,
    no_thumbnails: Annotated[
        bool, typer.Option("--no-thumbnails", help="keep pictures of the face out of the page")
    ] = False,
    allow_custom: AllowCustom = False,
) -> None:
    """Score a recording: heart rate, micro-expressions, the fused estimate, a report."""
    from affectfuse.config import load_recipe
    from affectfuse.pipeline import score_recording
    from affectfuse.progress import ScoreProgress
    from affectfuse.reports.writing import check_writable, write_session
    from affectfuse.scoring.events import read_events

    with _custom(allow_custom):
        recipe = load_recipe("score", overrides or ())
        check_writable(out)
        questions = read_events(events) if events else ()

        def begin(opened: Recording) -> None:
            if events:  # again, now that it is known how long the recording lasts
                read_events(events, duration_s=opened.info.duration_s)
            progress.expect(opened.info.duration_s)
            _stop_on_interrupt(opened, progress)

        model = None
        if checkpoint:
            from affectfuse.checkpoint import load_checkpoint
            from affectfuse.fusion.estimator import one_thread

            _refuse_modalities(overrides or ())
            model = load_checkpoint(checkpoint)
            one_thread()
        with ScoreProgress() as progress:
            result = score_recording(
                recipe,
                recording,
                checkpoint=model,
                events=questions,
                replay=replay,
                watch=progress.watch,
                opened=begin,
            )
        report = write_session(result, out, thumbnails=not no_thumbnails)
    for note in result.notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(f"{report}")


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="a recipe's name or a YAML file")],
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
    from affectfuse.training.pulse import train_pulse
    from affectfuse.training.spotter import train_spotter
    from affectfuse.training.train import train as train_fused

    with _custom(allow_custom), StepProgress() as progress:
        node = load_recipe(recipe, overrides or ())
        check_writable(out)
        result: TrainedWeights | TrainingResult
        if "pulse_training" in node:
            result = train_pulse(node, out, progress.step)
        elif "spotter_training" in node:
            result = train_spotter(node, out, progress.step)
        else:
            result = train_fused(node, out, progress.step)
    typer.echo(result.table())
    typer.echo(f"{result.checkpoint}")


@evaluate.command("heart_rate")
def evaluate_heart_rate(
    recipe: Annotated[
        str, typer.Argument(help="a data set's name, or a recipe's name or YAML file")
    ],
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
    from affectfuse.reports.evaluation import evaluation_table, write_evaluation
    from affectfuse.reports.writing import check_writable

    with _custom(allow_custom), StepProgress() as progress:
        node = heart_rate_recipe(recipe, overrides or ())
        check_writable(out)
        result = run(node, progress.step)
    report = write_evaluation(result, out)
    typer.echo(evaluation_table(result))
    typer.echo(f"{report}")


@app.command()
def crossval(
    recipe: Annotated[str, typer.Argument(help="a recipe's name or a YAML file")],
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option(help="folder for the results")] = Path("out/crossval"),
    against: Annotated[
        Path | None, typer.Option(help="predictions.csv of another run, to compare with")
    ] = None,
    allow_custom: AllowCustom = False,
) -> None:
    """Train and test a recogniser in every fold of a protocol; score all predictions at once.

    RECIPE names a data set and what is trained (affectfuse crossval megc2019_flow); one of your own
    begins with `extends: crossval`.

    Overrides: dataset.root=DIR says where the data set is; split.protocol=leave_one_dataset_out
    takes another protocol; split.validation=0.2 chooses the epoch on subjects inside training;
    permuted=true puts the labels in random order.

    Writes predictions.csv, scores.csv, confusion.csv, crossval.json and crossval.html. What each
    fold gave is kept in the folder: an interrupted run goes on.
    """
    from affectfuse.config import load_recipe
    from affectfuse.progress import StepProgress
    from affectfuse.reports.crossval import crossval_table, write_crossval
    from affectfuse.reports.writing import check_writable
    from affectfuse.training.crossval import cross_validate

    with _custom(allow_custom), StepProgress() as progress:
        node = load_recipe(recipe, overrides or ())
        check_writable(out)
        result = cross_validate(node, out, against, progress.step)
    report = write_crossval(result, out)
    typer.echo(crossval_table(result))
    typer.echo(f"{report}")


@evaluate.command("spotting")
def evaluate_spotting(
    recipe: Annotated[
        str, typer.Argument(help="a data set's name, or a recipe's name or YAML file")
    ],
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
    from affectfuse.reports.spotting_evaluation import spotting_table, write_spotting_evaluation
    from affectfuse.reports.writing import check_writable

    with _custom(allow_custom), StepProgress() as progress:
        node = spotting_recipe(recipe, overrides or ())
        check_writable(out)
        result = run(node, progress.step)
    metrics = write_spotting_evaluation(result, out)
    typer.echo(spotting_table(result))
    typer.echo(f"{metrics}")


@app.command()
def spot(
    recording: Annotated[
        str, typer.Argument(help="a video file, camera:0, rtsp://... or http://...")
    ],
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option(help="folder for the results")] = Path("out/spot"),
    checkpoint: Annotated[
        str | None, typer.Option(help="whose recogniser names micro-expressions, or 'demo'")
    ] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="read a file in real time, as a camera would give it")
    ] = False,
    no_thumbnails: Annotated[
        bool, typer.Option("--no-thumbnails", help="keep pictures of the face out of the page")
    ] = False,
    allow_custom: AllowCustom = False,
) -> None:
    """Spot the micro- and macro-expressions of a recording, however long, and name the former.

    Writes spotted.csv, spotted.json and spotted.html.
    """
    from affectfuse.config import load_recipe
    from affectfuse.pipeline import spot_recording
    from affectfuse.progress import ScoreProgress
    from affectfuse.reports.spotting import spotted_table, write_spotted
    from affectfuse.reports.writing import check_writable

    with _custom(allow_custom):
        recipe = load_recipe("spot", overrides or ())
        check_writable(out)
        model = None
        if checkpoint:
            from affectfuse.checkpoint import load_checkpoint
            from affectfuse.fusion.estimator import one_thread

            _refuse_modalities(overrides or ())
            model = load_checkpoint(checkpoint)
            one_thread()

        def begin(opened: Recording) -> None:
            progress.expect(opened.info.duration_s)
            _stop_on_interrupt(opened, progress)

        with ScoreProgress() as progress:
            result = spot_recording(
                recipe,
                recording,
                checkpoint=model,
                replay=replay,
                watch=progress.watch,
                opened=begin,
            )
        page = write_spotted(result, out, thumbnails=not no_thumbnails)
    for note in result.notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(spotted_table(result))
    typer.echo(f"{page}")


@app.command()
def synth(
    out: Annotated[Path, typer.Argument(help="the video to write, .mp4")],
    overrides: Overrides = None,
) -> None:
    """Render a synthetic recording whose every truth is known, written beside it."""
    from affectfuse.config import load_recipe
    from affectfuse.datasets.synthetic import synthesise
    from affectfuse.progress import StepProgress

    with StepProgress() as progress:
        synthesise(load_recipe("synth", overrides or ()), out, progress.step)
    typer.echo(f"{out}")


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


@cache.command("clear")
def clear_cache() -> None:
    """Remove all that was cached: rendered recordings, samples, downloaded models."""
    from affectfuse.config import cache_dir

    folder = cache_dir()
    shutil.rmtree(folder)
    typer.echo(f"removed {folder}")


@cache.command("path")
def cache_path() -> None:
    """Print where the cache is."""
    from affectfuse.config import cache_dir

    typer.echo(f"{cache_dir()}")


def _custom(allow: bool) -> AbstractContextManager[None]:
    if not allow:
        return nullcontext()
    from affectfuse.config import custom_package

    return custom_package(Path.cwd())


def _refuse_modalities(overrides: Sequence[str]) -> None:
    for override in overrides:
        if override.partition("=")[0].partition(".")[0] == "modalities":
            raise ConfigError(
                f"'{override}' cannot go with --checkpoint: a checkpoint brings the modalities it "
                "was trained with. Leave one of the two out."
            )


def _stop_on_interrupt(recording: Recording, progress: ScoreProgress) -> None:
    """From now on the first Ctrl-C stops reading and keeps what there is; the second one quits."""

    def stop(signum: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        progress.say("stopping: what was read so far is scored; Ctrl-C again to quit without it")
        recording.stop()

    signal.signal(signal.SIGINT, stop)


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
