"""Commands on one recording or session: score it, spot its expressions, make a synthetic one."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affectfuse.cli.application import (
    AllowCustom,
    Checkpoint,
    NoThumbnails,
    Overrides,
    Replay,
    Source,
    app,
    custom,
)
from affectfuse.errors import ConfigError

if TYPE_CHECKING:
    from affectfuse.checkpoint import Checkpoint as Model
    from affectfuse.progress import ScoreProgress
    from affectfuse.recording.reader import Recording
    from affectfuse.reports.session import SessionResult

__all__ = ["score", "spot", "synth"]


class Video(Enum):
    """Whether the page plays the recording."""

    none = "none"
    link = "link"
    embed = "embed"


@app.command()
def score(
    recording: Annotated[
        str,
        typer.Argument(
            help="a video file, camera:0, rtsp://..., http://...; or a session's file, .yaml"
        ),
    ],
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option(help="folder for the results")] = Path("out/score"),
    checkpoint: Checkpoint = None,
    events: Annotated[
        Path | None,
        typer.Option(help="the questions: BIDS events.tsv, CSV, BORIS, .eaf, .TextGrid or .xdf"),
    ] = None,
    replay: Replay = False,
    no_thumbnails: NoThumbnails = False,
    video: Annotated[
        Video, typer.Option(help="let the page play the recording: link to it, or embed it")
    ] = Video.none,
    no_cache: Annotated[
        bool,
        typer.Option("--no-cache", help="keep nothing of the recording but what goes to --out"),
    ] = False,
    allow_custom: AllowCustom = False,
) -> None:
    """Score a recording, or a session: heart rate, micro-expressions, the fused estimate, a report.

    A session's file names recordings, events, purpose and consent; see docs/sessions.md.
    """
    from affectfuse.config import load_recipe
    from affectfuse.pipeline import score_recording
    from affectfuse.progress import ScoreProgress
    from affectfuse.reports.session_page.media import refuse_video
    from affectfuse.reports.writing import check_writable
    from affectfuse.scoring.events import read_events

    check = partial(refuse_video, video=video.value, thumbnails=not no_thumbnails)
    if recording.lower().endswith((".yaml", ".yml")):
        if replay:
            raise ConfigError("a session's recordings are read at full speed: leave --replay out.")
        with custom(allow_custom):
            result = _scored_session(
                Path(recording),
                overrides or (),
                out,
                checkpoint,
                events,
                _tracks_folder(no_cache),
                check,
            )
        _written(result, out, thumbnails=not no_thumbnails, video=video)
        return
    with custom(allow_custom):
        recipe = load_recipe("score", overrides or ())
        check_writable(out)
        questions = read_events(events) if events else ()

        def begin(opened: Recording) -> None:
            check(opened)
            if events:  # again, now that it is known how long the recording lasts
                read_events(events, duration_s=opened.info.duration_s)
            progress.expect(opened.info.duration_s)
            _stop_on_interrupt(opened, progress)

        model = _loaded(checkpoint, overrides or ())
        with ScoreProgress() as progress:
            result = score_recording(
                recipe,
                recording,
                checkpoint=model,
                events=questions,
                replay=replay,
                watch=progress.watch,
                opened=begin,
                cache=_tracks_folder(no_cache),
            )
    _written(result, out, thumbnails=not no_thumbnails, video=video)


@app.command()
def spot(
    recording: Source,
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option(help="folder for the results")] = Path("out/spot"),
    checkpoint: Checkpoint = None,
    replay: Replay = False,
    no_thumbnails: NoThumbnails = False,
    allow_custom: AllowCustom = False,
) -> None:
    """Spot the micro- and macro-expressions of a recording, however long, and name the former.

    Writes spotted.csv, spotted.json and spotted.html.
    """
    from affectfuse.config import load_recipe
    from affectfuse.pipeline import spot_recording
    from affectfuse.progress import ScoreProgress
    from affectfuse.reports.session_page.media import take_pictures
    from affectfuse.reports.spotting import spotted_table, write_spotted
    from affectfuse.reports.writing import check_writable

    with custom(allow_custom):
        recipe = load_recipe("spot", overrides or ())
        check_writable(out)
        model = _loaded(checkpoint, overrides or ())

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
        pictures = take_pictures(result, out, thumbnails=not no_thumbnails)
        page = write_spotted(result, out, pictures)
    for note in (*result.notes, *pictures.notes):
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


def _scored_session(
    path: Path,
    overrides: Sequence[str],
    out: Path,
    checkpoint: str | None,
    events: Path | None,
    cache: Path | None,
    check: Callable[[Recording], None],
) -> SessionResult:
    from affectfuse.config import load_recipe
    from affectfuse.pipeline import score_session
    from affectfuse.progress import ScoreProgress
    from affectfuse.reports.writing import check_writable
    from affectfuse.session_file import SessionEvents, read_session

    session = read_session(path)
    if events:
        session = replace(session, events=SessionEvents(events))
    chosen = checkpoint or session.checkpoint
    if chosen and "modalities" in session.recipe:
        raise ConfigError(
            f"{path} names modalities, and there is a checkpoint, which brings those that it was "
            "trained with. Leave one of the two out."
        )
    recipe = load_recipe("score", overrides, session.recipe)
    check_writable(out)
    model = _loaded(chosen, overrides)

    def begin(opened: Recording) -> None:
        check(opened)
        progress.expect(opened.info.duration_s)
        _stop_on_interrupt(opened, progress)

    with ScoreProgress() as progress:
        return score_session(
            recipe,
            session,
            checkpoint=model,
            watch=progress.watch,
            opened=begin,
            cache=cache,
        )


def _tracks_folder(no_cache: bool) -> Path | None:
    """Return where the tracks of recordings are kept; None where they are not."""
    from affectfuse.config import cache_dir

    if no_cache:
        return None
    try:
        return cache_dir() / "tracks"
    except OSError as error:
        typer.echo(f"note: nothing is kept in the cache ({error.strerror})", err=True)
        return None


def _written(result: SessionResult, out: Path, *, thumbnails: bool, video: Video) -> None:
    from affectfuse.reports.session_page.media import take_pictures
    from affectfuse.reports.writing import write_session

    if video is Video.embed:
        typer.echo("embedding the recording; a copy takes a third of its length", err=True)
    pictures = take_pictures(result, out, thumbnails=thumbnails, video=video.value)
    report = write_session(result, out, pictures)
    for note in pictures.notes:
        typer.echo(f"note: {note}", err=True)
    extraction = result.provenance["extraction"]
    if extraction["from_cache"]:
        typer.echo(
            f"note: scored from the tracks of a pass over the recording on {extraction['created']}"
            ", kept in the cache; --no-cache reads it again",
            err=True,
        )
    for note in result.notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(f"{report}")


def _loaded(checkpoint: str | None, overrides: Sequence[str]) -> Model | None:
    if checkpoint is None:
        return None
    from affectfuse.checkpoint import load_checkpoint
    from affectfuse.fusion.estimator import one_thread

    _refuse_modalities(overrides)
    model = load_checkpoint(checkpoint)
    one_thread()
    return model


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
