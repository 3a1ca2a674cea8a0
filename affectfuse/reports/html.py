"""What every page is made with: one HTML file that loads nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from affectfuse.reports.strict_json import strict_json
from affectfuse.reports.titles import title

__all__ = ["clock", "data_uri", "figure", "number", "percent", "render_page", "share"]

_MINUS = "\N{MINUS SIGN}"

_UNITS = {
    "_iod_percent": "% of interocular distance",
    "_percent": "%",
    "_degrees": "degrees",
    "_bpm": "bpm",
    "_hz": "Hz",
    "_s": "s",
}
"""Endings of the names of an interval's values, and how they are written in a heading."""


def render_page(
    template: str,
    scripts: Sequence[str],
    data: Any,
    *,
    plotly: bool = True,
    styles: Sequence[str] = (),
    media: str = "",
    **context: Any,
) -> str:
    """Return a page as HTML.

    Everything that comes from outside is escaped, and the page's content security policy lets no
    script but its own run and nothing be loaded but `media`.

    Args:
        template: name of the template, which extends `base.html.j2`.
        scripts: names of those that draw its figures; none where nothing is drawn so.
        data: what they draw, as plain values.
        plotly: whether they draw with Plotly, which comes before them, with `plots.js`.
        styles: names of style sheets beside `report.css`.
        media: whence clips and video may come, as the policy's `media-src`; '' for nowhere.
        context: what the template shows.
    """
    texts = ["".join(map(_asset, ["plots.js", *scripts] if plotly else scripts))] if scripts else []
    if scripts and plotly:
        texts.insert(0, _plotly())
    page = _environment().get_template(template)
    return page.render(
        policy=_policy(texts, media),
        style=Markup("".join(map(_asset, ["report.css", *styles]))),
        scripts=[Markup(text) for text in texts],
        data=Markup(_script_json(data)),
        **context,
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("affectfuse.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "heading": _heading,
        "b64encode": lambda content: base64.b64encode(content).decode(),
        "alike": _alike,
        "clock": clock,
        "contrast_title": _contrast_title,
        "figure": figure,
        "number": number,
        "p_value": _p_value,
        "percent": percent,
        "share": share,
        "title": title,
        "unit": _unit,
    }
    return environment


def _asset(name: str) -> str:
    return (files("affectfuse.reports") / "templates" / name).read_text("utf-8")


def _plotly() -> str:
    from plotly.offline import get_plotlyjs  # half a second of imports, needed only here

    return str(get_plotlyjs())


def _policy(scripts: list[str], media: str) -> str:
    hashes = (hashlib.sha256(script.encode()).digest() for script in scripts)
    listed = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in hashes]
    allowed = " ".join(listed) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        + (f"media-src {media}; " if media else "")
        + "base-uri 'none'; form-action 'none'"
    )


def _script_json(value: Any) -> str:
    """Return JSON that cannot end the script element it stands in; NaN becomes null."""
    text = strict_json(value, indent=None)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def data_uri(media_type: str, content: bytes) -> str:
    """Return content as an address that holds it."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def clock(time_s: float, decimals: int = 0) -> str:
    """Return a time as 1:02:03 or 2:03, with decimals of a second when asked."""
    if not math.isfinite(time_s):
        return "not known"
    scale = 10**decimals
    whole, part = divmod(round(abs(time_s) * scale), scale)
    hours, minutes, seconds = whole // 3600, whole // 60 % 60, whole % 60
    text = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    return (_MINUS if time_s < 0 else "") + text + (f".{part:0{decimals}}" if decimals else "")


def number(value: float | None, digits: int = 2, *, sign: bool = False) -> str:
    """Return a number with so many decimals, n/a where it is not known."""
    if value is None or not math.isfinite(value):
        return "n/a"
    value = round(value, digits) + 0.0  # what rounds to zero has no sign
    return f"{value:{'+' if sign and value else ''}.{digits}f}".replace("-", _MINUS)


def _heading(name: str) -> tuple[str, str]:
    """Split a value's name into words and its unit: 'displacement_iod_percent'."""
    for ending, unit in _UNITS.items():
        if name.endswith(ending):
            return title(name.removesuffix(ending)), unit
    return title(name), ""


def share(value: float | None) -> str:
    """Return a share as whole percent, n/a where it is not known."""
    return "n/a" if value is None or not math.isfinite(value) else f"{value:.0%}"


def figure(value: float | None) -> str:
    """Return a number with three digits that count, n/a where it is not known."""
    if value is None or not math.isfinite(value):
        return "n/a"
    if math.isclose(value, round(value), rel_tol=1e-9, abs_tol=1e-12):
        return number(value, 0)
    return number(value, min(max(2 - math.floor(math.log10(abs(value))), 0), 4))


def _alike(values: Sequence[float]) -> list[str]:
    """Return numbers with so many decimals that the largest has three digits that count."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0) or 1.0
    digits = min(max(2 - math.floor(math.log10(largest)), 0), 4)
    return [number(value, digits) for value in values]


def percent(value: float | None) -> str:
    """Return a share as percent, with digits enough for small ones, n/a where it is not known."""
    if value is None or not math.isfinite(value):
        return "n/a"
    if 0.0 < value < 0.1:
        return f"{100.0 * value:.2g}%"
    return f"{value:.2%}" if 0.995 <= value < 0.99995 else f"{value:.0%}"


def _p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _unit(unit: str) -> str:
    return {"1": "", "uS": "µS", "degC": "°C"}.get(unit, unit)


def _contrast_title(channel: str) -> str:
    if channel == "all":
        return "All channels"
    if channel.startswith("all but "):
        return f"All but {title(channel.removeprefix('all but ')).lower()}"
    return title(channel)
