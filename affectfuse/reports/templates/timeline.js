/* The timeline: panels over one time axis, drawn with Plotly from #page-data. */
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const plot = document.getElementById("timeline");
  const whole = [0, Math.max(data.duration, 1)];
  const touch = matchMedia("(pointer: coarse)").matches;
  const GAP = 18;
  const LINE = 16;

  /* Plotly reads a little HTML in its texts; what comes from outside is text only. */
  const plain = (text) =>
    String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const short = (text, length) => (text.length > length ? text.slice(0, length - 1) + "…" : text);
  /* Times are drawn on a date axis for its clock labels; from a day on which no number of
     milliseconds can be taken for a year, as Plotly does below 10,000. */
  const DAY = Date.UTC(2000, 0, 1);
  const ms = (seconds) => (seconds === null ? null : DAY + 1000 * seconds);

  const theme = () => {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue("--" + name).trim();
    return { of, series: (index) => of("c" + (index % 8)) };
  };
  const clear = (hex, alpha) => hex.slice(0, 7) + Math.round(255 * alpha).toString(16).padStart(2, "0");

  /* The names of a panel's series, wrapped to the width. */
  const legend = (panel, colours, width) => {
    const rows = (panel.rows ?? []).map((row, index) => ({ name: row.name, colour: index + 1 }));
    if (panel.confidence) rows.push({ name: panel.confidence.name, colour: 0, faint: true });
    const entries = [...panel.series.filter((s) => s.name !== panel.title), ...rows];
    const lines = [];
    let room = 0;
    for (const s of entries) {
      const entry = `<span style="color:${s.faint ? clear(colours.series(0), 0.35) : colours.series(s.colour)}">■</span> ${plain(short(s.name, 24))}`;
      const need = 7 * (Math.min(s.name.length, 24) + 4);
      if (need > room) { lines.push([]); room = width; }
      lines.at(-1).push(entry);
      room -= need;
    }
    return lines.map((line) => line.join("   "));
  };

  const draw = () => {
    const colours = theme();
    const width = plot.clientWidth || 700;
    const narrow = width < 560;
    const left = 40;
    const traces = [], shapes = [], annotations = [], layout = {};
    const tops = data.panels.map((panel) => {
      const lines = legend(panel, colours, narrow ? width - left : 0.6 * width);
      const above = LINE * (narrow ? 1 + lines.length : Math.max(1, lines.length)) + 6;
      return { lines, above };
    });
    const head = data.questions.length ? 20 : 0;
    const inner = head + data.panels.reduce((sum, p, i) => sum + tops[i].above + p.height + GAP, 0);
    const at = (pixels) => 1 - pixels / inner;
    let y = head;

    for (const question of data.questions) {
      const end = Math.max(question.offset, question.onset + whole[1] / 1000);
      shapes.push({
        type: "rect", xref: "x", yref: "paper", y0: 0, y1: 1, layer: "below",
        x0: ms(question.onset), x1: ms(end), fillcolor: colours.of("band"), line: { width: 0 },
      });
      annotations.push({
        xref: "x", yref: "paper", x: ms((question.onset + end) / 2), y: 1, yanchor: "top",
        text: `<b>${question.number}</b>`, showarrow: false,
        hovertext: plain(question.label), captureevents: true,
        font: { size: 11, color: colours.of("accent") },
      });
    }

    data.panels.forEach((panel, index) => {
      const axis = "y" + (index ? index + 1 : "");
      const { lines, above } = tops[index];
      const top = y + above, bottom = top + panel.height;
      const unit = panel.unit ? ` <span style="color:${colours.of("faint")}">${plain(panel.unit)}</span>` : "";
      const label = { xref: "paper", yref: "paper", yanchor: "top", showarrow: false };
      annotations.push({
        ...label, x: 0, xanchor: "left", y: at(y), align: "left",
        text: `<b>${plain(panel.title)}</b>${unit}`, font: { size: 12, color: colours.of("ink") },
      });
      if (lines.length) annotations.push({
        ...label, x: narrow ? 0 : 1, xanchor: narrow ? "left" : "right",
        y: at(y + (narrow ? LINE : 0)), align: narrow ? "left" : "right",
        text: lines.join("<br>"), font: { size: 11, color: colours.of("muted") },
      });
      layout["yaxis" + (index ? index + 1 : "")] = {
        domain: [Math.max(0, at(bottom)), at(top)], fixedrange: true, zeroline: false,
        gridcolor: colours.of("grid"), nticks: panel.height > 90 ? 5 : 3,
        tickfont: { size: 10, color: colours.of("faint") }, rangemode: "normal",
        ...(panel.range ? { range: [panel.range[0] - 0.02, panel.range[1] + 0.02] } : {}),
        ...(panel.range && panel.height < 90 ? { tickvals: [0, 1] } : {}),
        ...(panel.series.some((s) => s.values.some((v) => v !== null)) ? {} : { tickvals: [] }),
      };

      for (const gap of panel.gaps) {
        shapes.push({
          type: "rect", xref: "x", yref: axis + " domain", y0: 0, y1: 1, layer: "below",
          x0: ms(gap.start), x1: ms(gap.end), fillcolor: colours.of("gap"), line: { width: 0 },
        });
        const share = (gap.end - gap.start) / whole[1];
        const letters = Math.floor((share * (width - left)) / 6);
        if (letters > 6) annotations.push({
          xref: "x", yref: axis + " domain", x: ms((gap.start + gap.end) / 2), y: 0.5,
          text: plain(short(gap.reason, letters)), showarrow: false,
          font: { size: 10.5, color: colours.of("muted") },
        });
      }
      if (panel.gaps.length) {
        const steps = panel.gaps.flatMap((gap) => {
          const count = Math.min(Math.max(Math.ceil(gap.end - gap.start), 1), 600);
          return Array.from({ length: count }, (_, i) =>
            [gap.start + ((i + 1) * (gap.end - gap.start)) / count, gap.reason]);
        });
        const middle = panel.range ? 0.5 : null;
        const known = panel.series.flatMap((s) => s.values).filter((v) => v !== null);
        const level = middle ?? (known.length ? (Math.min(...known) + Math.max(...known)) / 2 : 0);
        traces.push({
          type: "scatter", mode: "markers", xaxis: "x", yaxis: axis, marker: { opacity: 0 },
          x: steps.map((step) => ms(step[0])), y: steps.map(() => level),
          text: steps.map((step) => plain(step[1])),
          name: plain(panel.title), hovertemplate: "%{text}",
        });
      }

      if (panel.confidence) {
        const over = "y" + (data.panels.length + index + 1);
        layout["yaxis" + (data.panels.length + index + 1)] = {
          domain: [Math.max(0, at(bottom)), at(top)], overlaying: axis, fixedrange: true,
          range: [0, 4], visible: false,
        };
        const c = panel.confidence;
        traces.push({
          type: "scatter", mode: "lines", xaxis: "x", yaxis: over, fill: "tozeroy",
          x: c.times.map(ms), y: c.values, connectgaps: false, line: { width: 0, shape: "vh" },
          fillcolor: clear(colours.series(0), 0.2), name: "confidence",
          hovertemplate: "%{y:.2f}",
        });
      }
      for (const s of panel.series) {
        const colour = panel.thin ? clear(colours.series(s.colour), 0.55) : colours.series(s.colour);
        traces.push({
          type: "scatter", mode: "lines", xaxis: "x", yaxis: axis, connectgaps: false,
          x: s.times.map(ms), y: s.values, name: plain(panel.prefix + s.name),
          line: { color: colour, width: panel.thin ? 0.8 : s.fill ? 1 : 1.75, shape: s.step ? "vh" : "linear" },
          ...(s.fill ? { fill: "tozeroy", fillcolor: clear(colour, 0.3) } : {}),
          hovertemplate: panel.range || panel.prefix ? "%{y:.2f}" : `%{y:.4~g} ${plain(panel.unit).replace(/[%{}]/g, "")}`,
        });
      }
      if (panel.rows) drawMarks(panel, axis, colours, traces, layout["yaxis" + (index ? index + 1 : "")], left);
      y = bottom + GAP;
    });

    const now = plot.layout?.xaxis ? range() : whole;
    Object.assign(layout, {
      height: inner + 30, margin: { l: left, r: 6, t: 4, b: 26 }, showlegend: false,
      hovermode: "x unified", hoversubplots: "axis", dragmode: touch ? false : "zoom",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, color: colours.of("ink") },
      hoverlabel: { bgcolor: colours.of("surface"), bordercolor: colours.of("rule"),
                    font: { size: 11.5, color: colours.of("ink") } },
      shapes, annotations,
      xaxis: {
        type: "date", domain: [0, 1], anchor: "y" + (data.panels.length > 1 ? data.panels.length : ""),
        range: now.map(ms), gridcolor: colours.of("grid"),
        tickfont: { size: 11, color: colours.of("muted") }, zeroline: false,
        nticks: narrow ? 5 : 10, hoverformat: "%-H:%M:%S.%1f",
        tickformatstops: [
          { dtickrange: [null, 999], value: "%M:%S.%2f" },
          { dtickrange: [1000, null], value: whole[1] >= 3600 ? "%-H:%M:%S" : "%M:%S" },
        ],
        showspikes: true, spikemode: "across", spikesnap: "cursor", spikethickness: 1,
        spikedash: "solid", spikecolor: colours.of("faint"),
      },
    });
    return Plotly.react(plot, traces, layout, { displayModeBar: false, responsive: true, doubleClick: "reset" });
  };

  /* One row a track of events: a bar from onset to offset and a tick that is visible from afar. */
  const drawMarks = (panel, axis, colours, traces, scale, left) => {
    const rows = panel.rows;
    Object.assign(scale, {
      range: [rows.length - 0.5, -0.5], tickvals: [], showgrid: false,
    });
    rows.forEach((row, index) => {
      const colour = colours.series(index + 1);
      traces.push({
        type: "scatter", mode: "lines", xaxis: "x", yaxis: axis, hoverinfo: "skip",
        line: { color: colour, width: 9 }, connectgaps: false,
        x: row.onset.flatMap((onset, i) => [ms(onset), ms(row.offset[i]), null]),
        y: row.onset.flatMap(() => [index, index, null]),
      }, {
        type: "scatter", mode: "markers", xaxis: "x", yaxis: axis, name: plain(row.name),
        marker: { symbol: "line-ns-open", size: 15, line: { width: 2 }, color: colour },
        x: row.onset.map((onset, i) => ms(row.apex[i] ?? onset)), y: row.onset.map(() => index),
        text: row.label.map((label, i) =>
          plain(label.replaceAll("_", " ")) + (row.confidence[i] === null ? "" : ` ${row.confidence[i].toFixed(2)}`)),
        hovertemplate: "%{text}",
      });
    });
  };

  const utc = (text) => (text.length > 10 ? text.replace(" ", "T") + "Z" : text);
  const range = () => plot.layout.xaxis.range.map((value) =>
    ((typeof value === "number" ? value : Date.parse(utc(value))) - DAY) / 1000);
  const show = (from, to) => Plotly.relayout(plot, { "xaxis.range": [ms(from), ms(to)] });
  const views = {
    all: () => show(...whole),
    in: () => zoom(0.5),
    out: () => zoom(2),
    left: () => pan(-0.4),
    right: () => pan(0.4),
  };
  const zoom = (factor) => {
    const [from, to] = range();
    const half = Math.min(Math.max(((to - from) * factor) / 2, 0.25), whole[1] / 2);
    const middle = Math.min(Math.max((from + to) / 2, half), whole[1] - half);
    return show(middle - half, middle + half);
  };
  const pan = (share) => {
    const [from, to] = range();
    const step = Math.min(Math.max(share * (to - from), -from), whole[1] - to);
    return show(from + step, to + step);
  };
  const keys = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", "0": "all" };

  const start = () => {
    const controls = document.querySelector(".controls");
    controls.hidden = false;
    if (touch) document.getElementById("hint").textContent = "Tap to read values; the buttons zoom.";
    controls.addEventListener("click", (event) => views[event.target.dataset.view]?.());
    plot.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      views[keys[event.key]]();
    });
    document.addEventListener("click", (event) => {
      const { from, to } = event.target.dataset ?? {};
      if (from === undefined) return;
      const margin = Math.max(5, 0.5 * (to - from));
      show(Math.max(0, from - margin), Math.min(whole[1], Number(to) + margin));
      plot.scrollIntoView({ block: "nearest" });
      plot.focus({ preventScroll: true });
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    let drawn = plot.clientWidth;
    new ResizeObserver(() => {
      if (plot.clientWidth !== drawn) { drawn = plot.clientWidth; draw(); }
    }).observe(plot);
    addEventListener("beforeprint", draw);
    addEventListener("afterprint", draw);
    matchMedia("print").addEventListener("change", draw);
    plot.dataset.ready = "true";
  };
  draw().then(start);
})();
