"""The names of tracks, channels and facts in words."""

from __future__ import annotations

from affectfuse.reports.session import HEART_RATE

__all__ = ["title"]

_TITLES = {
    HEART_RATE: "Heart rate",
    "beat_interval_ms": "Beat intervals",
    "blink": "Blinks",
    "bvp": "Pulse",
    "bvp_amplitude": "Pulse amplitude of the wearable",
    "bvp_rmssd_ms": "RMSSD of the wearable",
    "eda_phasic_us": "Phasic skin conductance",
    "eda_tonic_us": "Tonic skin conductance",
    "eda_us": "Skin conductance",
    "electrodermal_rise": "Skin conductance rise",
    "fused": "Fused estimate",
    "lf_hf": "LF/HF of the beats",
    "macro_expression": "Macro-expressions",
    "macro_expression_count": "Macro-expression count",
    "macro_expression_intensity": "Macro-expression intensity",
    "movement_g": "Movement",
    "micro_expression": "Micro-expressions",
    "micro_expression_count": "Micro-expression count",
    "micro_expression_intensity": "Micro-expression intensity",
    "oss3": "OSS-3",
    "pulse_amplitude": "Pulse amplitude ratio",
    "pulse_amplitude_percent": "Pulse amplitude",
    "respiration_rate_per_min": "Respiration rate",
    "rmssd_ms": "RMSSD of the beats",
    "sdnn_ms": "SDNN of the beats",
    "sha256": "SHA-256",
    "skin_temperature_degc": "Skin temperature",
}


def title(name: str) -> str:
    """Return a track's name in words: 'face_landmarks' becomes 'Face landmarks'."""
    if name.startswith("p_"):
        return f"p({name[2:]})"
    words = name.replace("_", " ")
    return _TITLES.get(name, words[:1].upper() + words[1:])
