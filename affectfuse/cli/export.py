"""The command that writes a trained model as ONNX files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affectfuse.cli.application import AllowCustom, app, custom

__all__ = ["export"]


@app.command()
def export(
    checkpoint: Annotated[str, typer.Argument(help="a checkpoint file, or 'demo'")],
    out: Annotated[Path, typer.Option(help="folder for the files")] = Path("out/export"),
    allow_custom: AllowCustom = False,
) -> None:
    """Write a trained model as ONNX files, checked against PyTorch in ONNX Runtime.

    model.onnx takes the samples of all modalities, their presence and quality, and gives calibrated
    probabilities; head.onnx takes embeddings; encoder_MODALITY.onnx and recogniser_MODALITY.onnx
    are each network by itself. model.json says what they take and give.

    Needs the extra: pip install 'affectfuse[onnx]'.
    """
    from affectfuse.checkpoint import load_checkpoint
    from affectfuse.exporting.export import export_checkpoint
    from affectfuse.progress import StepProgress
    from affectfuse.reports.writing import check_writable

    with custom(allow_custom), StepProgress() as progress:
        loaded = load_checkpoint(checkpoint)
        check_writable(out)
        result = export_checkpoint(loaded, out, progress.step)
    typer.echo(result.table())
    typer.echo(f"{result.description}")
