"""The methods that a run writes about itself, for a publication, with its references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from affectfuse.containers import Track
from affectfuse.reports.session import SessionResult, public
from affectfuse.reports.titles import title

__all__ = ["methods"]

_UNITS = {"_s": "s", "_ms": "ms", "_hz": "Hz", "_bpm": "bpm", "_us": "µS", "_px": "pixels"}

_CHOICES = ("method", "flow", "spotter", "source")
"""Settings without a unit that are worth a word; all are in the provenance."""

_LANDMARKS = {
    "solutions": "MediaPipe's face mesh (Solutions)",
    "tasks": "MediaPipe's face landmarker (Tasks)",
}

_WORKS: Mapping[str, str] = {
    "landmarks": "Kartynnik Y., Ablavatski A., Grishchenko I., Grundmann M. (2019). Real-time "
    "facial surface geometry from monocular video on mobile GPUs. arXiv:1907.06724",
    "minimum_variance": "Capon J. (1969). High-resolution frequency-wavenumber spectrum analysis. "
    "Proceedings of the IEEE 57(8). doi:10.1109/PROC.1969.7278",
    "green": "Verkruysse W., Svaasand L. O., Nelson J. S. (2008). Remote plethysmographic imaging "
    "using ambient light. Optics Express 16(26). doi:10.1364/OE.16.021434",
    "ica": "Poh M.-Z., McDuff D. J., Picard R. W. (2010). Non-contact, automated cardiac pulse "
    "measurements using video imaging and blind source separation. Optics Express 18(10). "
    "doi:10.1364/OE.18.010762",
    "chrom": "de Haan G., Jeanne V. (2013). Robust pulse rate from chrominance-based rPPG. IEEE "
    "Transactions on Biomedical Engineering 60(10). doi:10.1109/TBME.2013.2266196",
    "pos": "Wang W., den Brinker A. C., Stuijk S., de Haan G. (2017). Algorithmic principles of "
    "remote PPG. IEEE Transactions on Biomedical Engineering 64(7). "
    "doi:10.1109/TBME.2016.2609282",
    "pbv": "de Haan G., van Leest A. (2014). Improved motion robustness of remote-PPG by using "
    "the blood volume pulse signature. Physiological Measurement 35(9). "
    "doi:10.1088/0967-3334/35/9/1913",
    "lgi": "Pilz C. S., Zaunseder S., Krajewski J., Blazek V. (2018). Local group invariance for "
    "heart rate estimation from face videos in the wild. CVPR Workshops. "
    "doi:10.1109/CVPRW.2018.00172",
    "omit": "Álvarez Casado C., Bordallo López M. (2023). Face2PPG: an unsupervised pipeline for "
    "blood volume pulse extraction from faces. IEEE Journal of Biomedical and Health Informatics. "
    "doi:10.1109/JBHI.2023.3307942",
    "dis": "Kroeger T., Timofte R., Dai D., Van Gool L. (2016). Fast optical flow using dense "
    "inverse search. ECCV. doi:10.1007/978-3-319-46493-0_29",
    "farneback": "Farnebäck G. (2003). Two-frame motion estimation based on polynomial expansion. "
    "SCIA. doi:10.1007/3-540-45103-X_50",
    "tvl1": "Zach C., Pock T., Bischof H. (2007). A duality based approach for realtime TV-L1 "
    "optical flow. DAGM. doi:10.1007/978-3-540-74936-3_22",
}
"""By value of a modality's configuration, the work that it names."""


def methods(result: SessionResult) -> dict[str, Any]:
    """Return the paragraphs and their references, from what the run knows of itself."""
    told: Mapping[str, Any] = public(result.provenance)
    modalities = (told.get("configuration") or {}).get("modalities") or {}
    data = [
        _software(told, result),
        *_recordings(told.get("recording") or {}),
        *([_measured(modalities)] if modalities else []),
        *_landmarks(told.get("face_landmarks")),
        *_sampling(result),
        *_checkpoint(told.get("checkpoint") or {}),
    ]
    scored = [result.score.methods] if result.score else []
    scored.append(
        "Values that could not be measured were left out, never replaced. Everything is a relative "
        "contrast within one person and session; it is not validated for individuals."
    )
    used = [_WORKS["landmarks"]] if told.get("face_landmarks") else []
    settings = [v for m in modalities.values() for v in m.values() if isinstance(v, str)]
    used += [_WORKS[value] for value in settings if value in _WORKS]
    used += result.score.references if result.score else ()
    return {
        "paragraphs": [" ".join(filter(None, said)) for said in (data, scored)],
        "references": list(dict.fromkeys(used)),
    }


def _software(told: Mapping[str, Any], result: SessionResult) -> str:
    versions = told.get("versions") or {}
    version = f" {versions['affectfuse']}" if "affectfuse" in versions else ""
    python = f" (Python {versions['python']})" if "python" in versions else ""
    how = {"offline causal": "each moment from its past alone", "replay": "at its own pace"}
    pace = how.get(result.mode, "live")
    events = f" with {len(result.events)} marked events" if result.events else ""
    minutes, seconds = divmod(round(result.duration_s), 60)
    return (
        f"A session of {minutes:.0f} min {seconds:.0f} s{events} was analysed with "
        f"affectfuse{version}{python}, {pace}."
    )


def _recordings(recording: Mapping[str, Any]) -> list[str]:
    parts = recording.get("parts") or {}
    said = [_part(name, part) for name, part in parts.items()] or [_part("", recording)]
    return [sentence for sentence in said if sentence]


def _part(name: str, part: Mapping[str, Any]) -> str:
    facts = [str(part["codec"])] if part.get("codec") else []
    if part.get("width") and part.get("height"):
        facts.append(f"{part['width']} x {part['height']} pixels")
    clocked = _clocked(part.get("alignment") or {})
    if not facts and not clocked:
        return ""
    told = f" ({', '.join(facts)})" if facts else ""
    called = f"The recording '{name}'" if name else "The recording"
    return f"{called}{told} {clocked or 'was read'}."


def _clocked(alignment: Mapping[str, Any]) -> str:
    if not alignment:
        return ""
    if alignment.get("how") == "own clock":
        return "gives the session's clock"
    said = f"was put on the session's clock by {alignment.get('how')}"
    said += f" (offset {alignment.get('offset_s', 0.0):+.3f} s"
    drift, residual = alignment.get("drift_ppm"), alignment.get("residual_s")
    said += ", drift not known" if drift is None else f", drift {drift:+.1f} ppm"
    said += "" if residual is None else f", shared events within {residual:.3f} s"
    return said + ")"


def _measured(modalities: Mapping[str, Any]) -> str:
    said = []
    for name, settings in modalities.items():
        words = [_setting(str(key), value) for key, value in settings.items()]
        kept = ", ".join(word for word in words if word)
        said.append(title(str(name)).lower() + (f" ({kept})" if kept else ""))
    return f"Measured were: {'; '.join(said)}."


def _setting(key: str, value: Any) -> str:
    """Return a setting in words: those with a unit in their name, and those that name a choice."""
    if key == "target" or value is None or isinstance(value, bool | Mapping) or value == []:
        return ""
    ending = next((e for e in sorted(_UNITS, key=len, reverse=True) if key.endswith(e)), "")
    words = key.removesuffix(ending).replace("_", " ")
    if isinstance(value, str):
        if key not in _CHOICES:
            return ""
        return f"{words} {value.replace('_', ' ')}"
    if not ending:
        return ""
    span = " to " if isinstance(value, list) and len(value) == 2 else ", "
    parts = value if isinstance(value, list) else [value]
    return f"{words} {span.join(f'{part:g}' for part in parts)} {_UNITS[ending]}"


def _landmarks(generation: str | None) -> list[str]:
    if not generation:
        return []
    return [f"Faces were found by {_LANDMARKS.get(generation, generation)}."]


def _sampling(result: SessionResult) -> list[str]:
    rates: dict[str, list[str]] = {}
    for name, track in result.tracks.items():
        if rate := _rate(track):
            rates.setdefault(rate, []).append(title(name).lower())
    said = [f"{', '.join(names)} {rate}" for rate, names in rates.items()]
    return [f"Tracks are sampled as follows: {'; '.join(said)}."] if said else []


def _rate(track: Track) -> str:
    steps = np.diff(track.times_s)
    if not len(steps) or not np.median(steps) > 0:
        return ""
    step = float(np.median(steps))
    if np.quantile(np.abs(steps - step), 0.95) > 0.05 * step:
        return "at irregular times"
    return f"at {1 / step:.3g} Hz" if step < 0.999 else f"every {step:.3g} s"


def _checkpoint(checkpoint: Mapping[str, Any]) -> list[str]:
    if not checkpoint:
        return []
    trained = checkpoint.get("trained_on") or {}
    name = checkpoint.get("source", "a checkpoint")
    seen = trained.get("provenance") or trained.get("dataset")
    return [
        f"Fused estimates are those of the checkpoint '{name}'"
        + (f", trained on: {seen}." if seen else ".")
    ]
