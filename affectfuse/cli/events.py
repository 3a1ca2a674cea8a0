"""Commands on files of marked events: say what is wrong with one, write it in another format."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from affectfuse.cli.application import app

if TYPE_CHECKING:
    from affectfuse.scoring.events import EventIssue, EventNeeds, Layout

__all__ = ["check_file", "convert_file"]

_events = typer.Typer(no_args_is_help=True, help="Files of marked questions: check, convert.")
app.add_typer(_events, name="events")

_SHOWN = 200

File = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="BIDS events.tsv, CSV, BORIS, .eaf, .TextGrid or .xdf"),
]
Tiers = Annotated[
    list[str] | None,
    typer.Option("--tier", help="a tier (XDF: stream) that holds questions; may be repeated"),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="WHAT=NAME",
        help="the column (tier, channel) that holds onset, duration, end, label, kind, series, "
        "presentation or answer; WHAT= leaves it out",
    ),
]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", metavar="WORD=KIND", help="what a word of the file's own means"),
]
Prefixed = Annotated[
    bool, typer.Option("--prefixed", help="labels begin with their kind and a colon ('R: Did ...')")
]


@_events.command("check")
def check_file(
    file: File,
    duration: Annotated[
        float, typer.Option(metavar="SECONDS", help="how long the recording lasts")
    ] = math.nan,
    protocol: Annotated[
        str | None, typer.Option(help="how it will be scored, such as comparison_question")
    ] = None,
    tiers: Tiers = None,
    columns: Columns = None,
    kinds: Kinds = None,
    prefixed: Prefixed = False,
) -> None:
    """Say what is wrong with marked events, row by row; exit with 2 on errors."""
    from affectfuse.scoring.events import check_events, load_events

    needs = _needs(protocol)
    table = load_events(file, _layout(tiers, columns, kinds, prefixed))
    issues = check_events(table, duration, needs)
    for issue in issues[:_SHOWN]:
        typer.echo(f"{issue.severity}: {file}: {issue}")
    if len(issues) > _SHOWN:
        typer.echo(f"... and {len(issues) - _SHOWN} more")
    for note in table.notes:
        typer.echo(f"note: {note}")
    errors = sum(issue.severity == "error" for issue in issues)
    typer.echo(
        f"{file}: {len(table.questions)} events, {errors} errors, {len(issues) - errors} warnings"
    )
    if errors:
        raise typer.Exit(2)


@_events.command("convert")
def convert_file(
    file: File,
    out: Annotated[Path, typer.Argument(help="the file to write: .tsv (BIDS) or .eaf (ELAN)")],
    media: Annotated[
        Path | None, typer.Option(help="the recording that ELAN is to open with it")
    ] = None,
    tiers: Tiers = None,
    columns: Columns = None,
    kinds: Kinds = None,
    prefixed: Prefixed = False,
) -> None:
    """Write marked events as BIDS events.tsv, with its JSON, or as ELAN .eaf."""
    from affectfuse.errors import EventsError
    from affectfuse.scoring.events import load_events, write_events

    table = load_events(file, _layout(tiers, columns, kinds, prefixed))
    if table.issues:
        raise EventsError(f"{file}: {_first(table.issues)}. Correct the file.")
    written, notes = write_events(table.questions, out, media=media)
    for note in (*table.notes, *notes):
        typer.echo(f"note: {note}", err=True)
    for path in written:
        typer.echo(f"{path}")


def _layout(
    tiers: Sequence[str] | None,
    columns: Sequence[str] | None,
    kinds: Sequence[str] | None,
    prefixed: bool,
) -> Layout:
    from affectfuse.scoring.events import Layout

    return Layout(_pairs("--column", columns), tiers or (), _pairs("--kind", kinds), prefixed)


def _pairs(option: str, given: Sequence[str] | None) -> dict[str, str]:
    from affectfuse.errors import ConfigError

    pairs = {}
    for text in given or ():
        left, equals, right = text.partition("=")
        if not equals or not left:
            raise ConfigError(f"'{option} {text}' is no pair: write {option} LEFT=RIGHT.")
        pairs[left] = right
    return pairs


def _needs(protocol: str | None) -> EventNeeds | None:
    if protocol is None:
        return None
    from affectfuse.config import load_node
    from affectfuse.scoring.events import EVENT_NEEDS, EventNeeds

    if protocol not in EVENT_NEEDS:
        load_node("protocol", protocol)
    return EVENT_NEEDS.get(protocol, EventNeeds())


def _first(issues: Sequence[EventIssue]) -> str:
    more = f", and {len(issues) - 1} more (see 'affectfuse events check')" if issues[1:] else ""
    return f"{issues[0]}{more}"
