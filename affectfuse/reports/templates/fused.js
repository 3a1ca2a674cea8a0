/* The plots of an evaluation of fused models, drawn with Plotly from #page-data. */
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const { plain, clear, plot, show } = plots;
  const short = (text, length) => (text.length > length ? text.slice(0, length - 1) + "…" : text);
  const known = (value) => value !== null;
  const line = (colour, shape, dash = "dot") => ({
    type: "line", layer: "below", line: { color: colour("faint"), width: 1.25, dash }, ...shape,
  });
  const bars = (colour, found, axis) => ({
    [`error_${axis}`]: {
      type: "data", symmetric: false, color: clear(colour, 0.7), thickness: 1.5, width: 3,
      array: found.map((f) => (known(f.high) ? f.high - f.value : 0)),
      arrayminus: found.map((f) => (known(f.low) ? f.value - f.low : 0)),
    },
  });

  /* One row an estimate: its value, its interval, and each seed's value as a small tick. */
  const intervals = (colour, target, found, emphasised) => {
    const shown = found.filter((f) => known(f.value));
    const narrow = document.querySelector("main").clientWidth < 640;
    const lines = shown.map((f) => (narrow ? f.name.split(" + ") : [f.name]));
    const labels = lines.map((parts) =>
      parts.map((part) => plain(short(part, narrow ? 24 : 60))).join(" +<br>"));
    const tint = (f) => (emphasised(f) ? colour("c0") : f.below ? colour("c1") : colour("c7"));
    const ticks = shown.flatMap((f, i) => (f.seeds ?? []).map((seed) => [seed, i]));
    const number = (value) => value.toFixed(3);
    return {
      traces: [
        ...shown.map((f, i) => ({
          type: "scatter", mode: "markers", x: [f.value], y: [i],
          marker: { size: 9, color: tint(f) }, ...bars(tint(f), [f], "x"),
          text: [plain(f.name) + "<br>" + number(f.value)
                 + (known(f.low) ? `, 95 %: ${number(f.low)} to ${number(f.high)}` : "")],
          hovertemplate: "%{text}<extra></extra>",
        })),
        {
          type: "scatter", mode: "markers", hoverinfo: "skip",
          x: ticks.map((t) => t[0]), y: ticks.map((t) => t[1]),
          marker: { symbol: "line-ns-open", size: 9, line: { width: 1 }, color: colour("faint") },
        },
      ],
      x: { title: target.title },
      y: {
        range: [shown.length - 0.5, -0.5], showgrid: false, tickmode: "array",
        tickvals: shown.map((_, i) => i), ticktext: labels,
      },
      shapes: [line(colour, { x0: target.chance, x1: target.chance, yref: "paper", y0: 0, y1: 1 })],
      height: 78 + shown.length * (14 + 15 * Math.max(1, ...lines.map((parts) => parts.length))),
    };
  };

  const drawn = data.targets.flatMap((target, index) => [
    ["estimates", (colour) => intervals(colour, target, target.estimates, (f) => f.name === "fused")],
    ["subsets", target.subsets && ((colour) => intervals(colour, target, target.subsets, (f) => !f.below))],
    ["reliability", target.bins && ((colour) => ({
      traces: [{
        type: "scatter", mode: "lines+markers", ...bars(colour("c0"), target.bins, "y"),
        x: target.bins.map((b) => b.confidence), y: target.bins.map((b) => b.value),
        text: target.bins.map((b) => `${b.rows} decisions`),
        line: { color: clear(colour("c0"), 0.5), width: 1 }, marker: { size: 8, color: colour("c0") },
        hovertemplate: "confidence %{x:.2f}<br>right %{y:.2f}<br>%{text}<extra></extra>",
      }],
      x: { title: "confidence", range: [Math.min(0.48, ...target.bins.map((b) => b.confidence - 0.03)), 1.02] },
      y: { title: "share that is right", range: [Math.min(0.48, ...target.bins.map((b) => (b.low ?? b.value) - 0.03)), 1.03] },
      shapes: [line(colour, { x0: 0, y0: 0, x1: 1, y1: 1 })],
    }))],
    ["risk", target.risk && ((colour) => ({
      traces: [{
        type: "scatter", mode: target.risk.risk.length > 1 ? "lines" : "markers",
        x: target.risk.coverage, y: target.risk.risk, line: { color: colour("c0"), width: 2 },
        marker: { size: 8, color: colour("c0") },
        hovertemplate: "%{x:.0f} % decided<br>%{y:.1f} % of them wrong<extra></extra>",
      }],
      x: { title: "decided, % of samples, the most confident first", range: [0, 102] },
      y: { title: "wrong, % of the decided", rangemode: "tozero" },
      shapes: [line(colour, { x0: 0, x1: 100, y0: target.risk.random, y1: target.risk.random })],
    }))],
    ...target.coverage.map((held, number) => [`coverage-${number}`, (colour) => {
      const order = held.held.map((value, i) => i).sort((a, b) => held.held[a] - held.held[b]);
      return {
        traces: [{
          type: "scatter", mode: "markers", x: order.map((_, i) => i + 1), y: order.map((i) => held.held[i]),
          text: order.map((i) => `${plain(held.subjects[i])}, ${held.rows[i]} samples`),
          marker: { size: order.length > 60 ? 5 : 8, color: clear(colour("c0"), 0.75) },
          hovertemplate: "%{text}<br>%{y:.1%} covered<extra></extra>",
        }],
        x: { title: "subjects, the least covered first", nticks: 6 },
        y: { title: "share covered", range: [Math.min(held.promised, ...held.held) - 0.05, 1.02] },
        shapes: [line(colour, { xref: "paper", x0: 0, x1: 1, y0: held.promised, y1: held.promised })],
      };
    }]),
  ].filter(([, make]) => make).map(([name, make]) => [`${name}-${index}`, make]));

  show((colour) => drawn.map(([id, make]) => {
    const { height, ...made } = make(colour);
    if (height) document.getElementById(id).style.height = `${height}px`;
    return plot(id, colour, made);
  }));
})();
