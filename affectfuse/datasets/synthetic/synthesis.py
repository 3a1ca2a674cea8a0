"""A script becomes a video with its truths beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from affectfuse.datasets.base import Progress
from affectfuse.datasets.synthetic.rendering import Renderer, effective_pulse_percent
from affectfuse.datasets.synthetic.script import SessionScript, draw_session
from affectfuse.datasets.synthetic.truth import write_truth
from affectfuse.errors import ConfigError
from affectfuse.recording.writing import VideoWriter

__all__ = ["render", "synthesise"]


def render(
    script: SessionScript,
    path: str | Path,
    *,
    photo: str | Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Render a session: the video OUT.mp4, then OUT.json, OUT_events.tsv and OUT_events.json.

    The video appears last, so that a video that is there has its truths.

    Args:
        script: of the session.
        path: of the video, ending in .mp4 or .mov.
        photo: the photograph; None is the default one.
        progress: called for every frame.

    Raises:
        DatasetError: when the photograph cannot be read or shows no face.
        OutputError: when the video cannot be written there.
    """
    path, source = Path(path), None if photo is None else Path(photo)
    p = script.parameters
    renderer = Renderer(script, source)
    # one thread: x264's pictures depend on how many there are
    with VideoWriter(path, p.width, p.height, crf=p.crf, threads=1) as writer:
        total = len(script.frame_times_s)
        for done, frame in enumerate(renderer.frames(), start=1):
            writer.write(frame.image, frame.time_s)
            if progress is not None:
                progress("frames", done, total)
        about = {
            "photo": "skimage.data.astronaut" if source is None else source.name,
            "interocular_px": round(renderer.portrait.interocular_px, 3),
            "effective_pulse_percent": round(effective_pulse_percent(script), 4),
        }
        write_truth(script, path, about)


def synthesise(recipe: DictConfig, out: Path, progress: Progress | None = None) -> SessionScript:
    """Render one session from the recipe `synth`: what `affectfuse synth` does.

    Args:
        recipe: `seed`, `subject`, `photo`, and the fields of `Parameters`.
        out: the video, ending in .mp4 or .mov.
        progress: called for every frame.

    Raises:
        ConfigError: for an unknown key or a value out of its range.
        DatasetError: when the photograph cannot be read or shows no face.
        OutputError: when the video cannot be written there.
    """
    values: Any = OmegaConf.to_container(recipe, resolve=True)
    seed, subject = values.pop("seed", 0), values.pop("subject", 0)
    photo = values.pop("photo", None)
    for name, number in {"seed": seed, "subject": subject}.items():
        if not isinstance(number, int) or number < 0:
            raise ConfigError(f"{name} is {number!r}; allowed is a whole number of at least 0.")
    script = draw_session(seed, subject, **values)
    render(script, out, photo=photo, progress=progress)
    return script
