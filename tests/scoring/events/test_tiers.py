"""ELAN and Praat, held against files that pympi writes and reads."""

from __future__ import annotations

import math
from pathlib import Path

import pympi
import pytest

from affectfuse.errors import EventsError
from affectfuse.scoring.base import Question
from affectfuse.scoring.events import Layout, load_events, read_events

SPANS = [
    (1000, 3500, "Is your name Ärna?"),
    (20_250, 22_000, 'Say "no" & <wait>'),
    (40_000, 41_001, "q3"),
]


def elan(path: Path, tiers: dict[str, list[tuple[int, int, str]]]) -> Path:
    document = pympi.Eaf()
    document.remove_tier("default")
    for name, marked in tiers.items():
        document.add_tier(name)
        for begin_ms, end_ms, text in marked:
            document.add_annotation(name, begin_ms, end_ms, text)
    document.to_file(str(path))
    return path


def textgrid(
    path: Path,
    tiers: dict[str, list[tuple[int, int, str]]],
    *,
    mode: str = "normal",
    codec: str = "utf-8",
    points: tuple[str, ...] = (),
) -> Path:
    grid = pympi.TextGrid(xmax=60.0)
    for name, marked in tiers.items():
        tier = grid.add_tier(name, "TextTier" if name in points else "IntervalTier")
        for begin_ms, end_ms, text in marked:
            if name in points:
                tier.add_point(begin_ms / 1000, text)
            else:
                tier.add_interval(begin_ms / 1000, end_ms / 1000, text)
    grid.to_file(str(path), codec=codec, mode=mode)
    return path


def spans(path: Path, **layout: object) -> list[tuple[float, float, str]]:
    read = read_events(path, layout=Layout(**layout))  # type: ignore[arg-type]
    return [(1000 * q.onset_s, 1000 * q.offset_s, q.label) for q in read]


def test_elan_as_pympi_writes_it(tmp_path: Path) -> None:
    path = elan(tmp_path / "a.eaf", {"questions": SPANS, "gaze": [(0, 60_000, "away")]})
    assert spans(path) == [pytest.approx(span) for span in SPANS]


@pytest.mark.parametrize("mode", ["normal", "short"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_textgrids_as_pympi_writes_them(tmp_path: Path, mode: str, codec: str) -> None:
    path = textgrid(tmp_path / "a.TextGrid", {"questions": SPANS}, mode=mode, codec=codec)
    assert spans(path) == [pytest.approx(span) for span in SPANS]


@pytest.mark.parametrize("write", [elan, textgrid])
def test_which_tier_holds_the_questions(tmp_path: Path, write: type) -> None:
    path = tmp_path / ("a.eaf" if write is elan else "a.TextGrid")
    write(path, {"examiner": SPANS[:2], "subject": SPANS[2:]})
    with pytest.raises(EventsError, match=r"tiers 'examiner', 'subject': say which .*--tier"):
        load_events(path)
    with pytest.raises(EventsError, match=r"no tier 'examinr'\. Did you mean 'examiner'"):
        load_events(path, Layout(tiers=["examinr"]))
    assert [label for *_, label in spans(path, tiers=["examiner"])] == [s[2] for s in SPANS[:2]]
    write(path, {"examiner": SPANS[:2], "Questions": SPANS[2:]})
    assert [label for *_, label in spans(path)] == ["q3"]
    write(path, {"examiner": SPANS, "kind": []})
    assert "only tier, 'examiner'" in load_events(path).notes[0]
    write(path, {"examiner": []})
    with pytest.raises(EventsError, match="no tier with annotations"):
        load_events(path)


@pytest.mark.parametrize("write", [elan, textgrid])
def test_tiers_named_by_their_kind(tmp_path: Path, write: type) -> None:
    path = tmp_path / ("a.eaf" if write is elan else "a.TextGrid")
    write(path, {"gaze": SPANS, "Relevant": SPANS[:1], "comparison": SPANS[1:]})
    assert [q.kind for q in read_events(path)] == ["relevant", "comparison", "comparison"]
    write(path, {"R": SPANS[:1], "C": SPANS[1:]})
    layout = Layout(tiers=["C", "R"], kinds={"r": "relevant", "C": "comparison"})
    assert [q.kind for q in read_events(path, layout=layout)] == [
        "relevant",
        "comparison",
        "comparison",
    ]


def test_kinds_as_prefixes_only_when_asked_for(tmp_path: Path) -> None:
    marked = [(0, 900, "R: Did you?"), (1000, 2000, "C: Have you: ever?")]
    path = elan(tmp_path / "a.eaf", {"questions": marked})
    assert [(q.kind, q.label) for q in read_events(path)] == [
        ("", "R: Did you?"),
        ("", "C: Have you: ever?"),
    ]
    layout = Layout(kinds={"R": "relevant", "C": "comparison"}, prefixed=True)
    assert [(q.kind, q.label) for q in read_events(path, layout=layout)] == [
        ("relevant", "Did you?"),
        ("comparison", "Have you: ever?"),
    ]
    with pytest.raises(EventsError, match=r"annotation 1 .*'R: Did you\?', which begins with no"):
        read_events(path, layout=Layout(prefixed=True))


@pytest.mark.parametrize("write", [elan, textgrid])
def test_facts_beside_the_questions(tmp_path: Path, write: type) -> None:
    path = tmp_path / ("a.eaf" if write is elan else "a.TextGrid")
    beside = {
        "series": [(500, 30_000, "first"), (30_000, 50_000, "second")],
        "chart": [(0, 15_000, "1"), (16_000, 50_000, "2")],
        "type": [(1000, 3500, "probe")],
        "answer": [(3600, 3700, "no"), (22_100, 22_150, "yes"), (23_000, 23_050, "well")],
    }
    write(path, {"questions": SPANS, **beside})
    table = load_events(path)
    assert [(q.series, q.presentation, q.kind) for q in table.questions] == [
        ("first", 1, "probe"),
        ("first", 2, ""),
        ("second", 2, ""),
    ]
    answers_s = [q.answer_s for q in table.questions]
    assert answers_s == [3.6, 22.1, pytest.approx(math.nan, nan_ok=True)]
    assert len(table.notes) == 1
    assert "tier 'answer' is a second answer" in table.notes[0]


def test_points_are_moments(tmp_path: Path) -> None:
    path = textgrid(tmp_path / "a.TextGrid", {"questions": SPANS}, points=("questions",))
    assert [(b, e) for b, e, _ in spans(path)] == [(1000, 1000), (20_250, 20_250), (40_000, 40_000)]


def test_annotations_that_refer_to_others_have_their_times(tmp_path: Path) -> None:
    document = pympi.Eaf()
    document.add_linguistic_type("fact", "Symbolic_Association", timealignable=False)
    document.add_tier("said")
    document.add_tier("questions", "fact", "said")
    document.add_annotation("said", 1000, 2000, "uh")
    document.add_ref_annotation("questions", "said", 1500, "q1")
    document.to_file(str(tmp_path / "a.eaf"))
    assert spans(tmp_path / "a.eaf") == [(1000, 2000, "q1")]


def eaf(body: str, declaration: str = "") -> str:
    return f'<?xml version="1.0"?>\n{declaration}<ANNOTATION_DOCUMENT>{body}</ANNOTATION_DOCUMENT>'


UNALIGNED = (
    '<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="5"/><TIME_SLOT TIME_SLOT_ID="ts2"/>'
    '</TIME_ORDER><TIER TIER_ID="questions"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" '
    'TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2"><ANNOTATION_VALUE>q</ANNOTATION_VALUE>'
    "</ALIGNABLE_ANNOTATION></ANNOTATION></TIER>"
)
CIRCLE = (
    '<TIER TIER_ID="questions"><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a1" ANNOTATION_REF="a1">'
    "<ANNOTATION_VALUE>q</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>"
)
LAUGHS = (
    "<!DOCTYPE x ["
    + '<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no XML"),
        (b"\x00\x01\x02\xff" * 99, "is no XML"),
        ("<html/>", "no ELAN file: its root is 'html'"),
        (eaf("<TIER>"), "is no XML"),
        (eaf("&i;", LAUGHS + "]>\n"), r"\(row 2\) defines a document type"),
        (eaf("&i;", LAUGHS + "]>\n").encode("utf-16"), "defines a document type|is no XML"),
        (eaf(UNALIGNED), "annotation 1 of tier 'questions' has no times of its own"),
        (eaf(CIRCLE), "annotation 1 of tier 'questions' has no times of its own"),
        (eaf(""), "no tier with annotations"),
    ],
)
def test_what_is_no_elan_file(tmp_path: Path, content: str | bytes, said: str) -> None:
    path = tmp_path / "a.eaf"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(EventsError, match=said) as caught:
        read_events(path)
    assert "\n" not in str(caught.value)


GRID = (
    'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n9\n<exists>\n1\n"IntervalTier"\n'
    '"questions"\n0\n9\n1\n1.5\n2.5\n"q"\n'
)


def test_textgrid_comments_and_exponents(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(GRID.replace("1.5\n2.5", '1.5e-1 ! begins "early"\nxmax = +2.5'))
    assert read_events(path) == (Question(0.15, 2.5, "q"),)
    path.write_bytes(GRID.replace("\n", "\r\n").encode("utf-16-be").join([b"\xfe\xff", b""]))
    assert read_events(path) == (Question(1.5, 2.5, "q"),)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"\(row 1\) ends too early"),
        (b"\x00\x01\x02\xff" * 99, "not text in UTF-8"),
        (b"ooBinaryFile\x08TextGrid\x00", "binary TextGrid: save it as text"),
        (GRID.replace("TextGrid", "PitchTier"), "no TextGrid in text format"),
        (GRID[:-8], r"\(row 13\) ends too early"),
        (GRID.replace("1.5\n", '"x"\n'), r"\(row 13\) has '\"x\"' where a number belongs"),
        (GRID.replace("IntervalTier", "Tier"), r"\(row 8\) has a tier of class 'Tier'"),
        (GRID.replace("9\n1\n1.5", "9\n1.5\n1.5"), "has 1.5 where a count belongs"),
        (GRID.replace("9\n1\n1.5", "9\n999999999\n1.5"), "ends too early"),
        (GRID.replace("2.5", "0.5"), "interval 1 of tier 'questions' runs backwards"),
    ],
)
def test_what_is_no_textgrid(tmp_path: Path, content: str | bytes, said: str) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(EventsError, match=said) as caught:
        read_events(path)
    assert "\n" not in str(caught.value)
