"""ELAN annotation files (.eaf, EAF 2.7 to 3.0), read as tiers.

Read here rather than through pympi, which takes documents that define entities and says neither
what is wrong nor where; the tests hold this against it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from affectfuse.errors import EventsError
from affectfuse.scoring.events.rows import bounded, one_line
from affectfuse.scoring.events.tiers import Annotation

__all__ = ["read_elan"]

_MAX_DEPTH = 20


def read_elan(path: Path) -> tuple[dict[str, list[Annotation]], list[str]]:
    """Return the annotations of an .eaf by tier, and notes.

    An annotation that refers to another has that one's times; where there are none they are NaN.

    Raises:
        EventsError: when it is no such file, or defines a document type of its own.
    """
    root = _parse(path, bounded(path))
    if root.tag != "ANNOTATION_DOCUMENT":
        raise EventsError(f"{path} is XML but no ELAN file: its root is '{root.tag[:60]}'.")
    slots = {slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
    by_id = {
        annotation.get("ANNOTATION_ID", ""): annotation
        for tag in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION")
        for annotation in root.iter(tag)
    }
    tiers: dict[str, list[Annotation]] = {}
    for tier in root.iter("TIER"):
        name = one_line(tier.get("TIER_ID", ""))
        annotations = tiers.setdefault(name, [])
        for number, outer in enumerate(tier.iter("ANNOTATION"), start=1):
            for inner in outer:
                timed = _timed(inner, by_id)
                onset_s, offset_s = (
                    _seconds(slots.get(timed.get(f"TIME_SLOT_REF{end}"))) for end in (1, 2)
                )
                text = inner.findtext("ANNOTATION_VALUE") or ""
                place = f"annotation {number} of tier '{name}'"
                annotations.append(Annotation(onset_s, offset_s, text, place, timed is inner))
    return tiers, _shifted(root)


def _parse(path: Path, raw: bytes) -> ElementTree.Element:
    """Parse XML, refusing document types: they can define entities that expand without end."""
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data

    def refuse(*_: object) -> None:
        raise EventsError(
            f"{path} (row {parser.CurrentLineNumber}) defines a document type, which no ELAN file "
            "does: save it again in ELAN."
        )

    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(raw, True)
        return builder.close()
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise EventsError(f"{path} is no XML and so no ELAN file: {error}.") from None


def _timed(
    annotation: ElementTree.Element, by_id: Mapping[str, ElementTree.Element]
) -> ElementTree.Element:
    """Return the annotation with times that this one refers to, through others or at once."""
    for _ in range(_MAX_DEPTH):
        if annotation.tag == "ALIGNABLE_ANNOTATION":
            break
        annotation = by_id.get(annotation.get("ANNOTATION_REF", ""), annotation)
    return annotation


def _seconds(milliseconds: str | None) -> float:
    try:
        return int(milliseconds or "") / 1000
    except (ValueError, OverflowError):
        return math.nan


def _shifted(root: ElementTree.Element) -> list[str]:
    media = next(root.iter("MEDIA_DESCRIPTOR"), None)
    origin = media.get("TIME_ORIGIN", "0") if media is not None else "0"
    if origin in ("", "0"):
        return []
    return [f"ELAN begins the recording at {origin} ms: times are ELAN's, state the offset"]
