/* The four plots of an evaluation, drawn with Plotly from #page-data in the page's own colours. */
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const { plain, clear, plot, show } = plots;
  const { reference, estimate } = data.pairs;
  const text = data.pairs.text.map(plain);
  const known = (value) => value !== null;

  const span = (values) => {
    const low = Math.min(...values), high = Math.max(...values);
    const margin = Math.max(0.08 * (high - low), 1);
    return [low - margin, high + margin];
  };

  const points = (colour, x, y) => ({
    type: "scatter", mode: "markers", x, y, text,
    marker: { size: 5, color: clear(colour("c0"), x.length > 500 ? 0.35 : 0.6) },
    hovertemplate: "%{text}<br>%{x:.1f}, %{y:.1f}<extra></extra>",
  });
  const level = (colour, y, label, dash) => [
    { shape: { type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y,
               line: { color: colour("c1"), width: 1.5, dash } },
      note: { xref: "paper", x: 1, xanchor: "left", xshift: 4, y, yanchor: "middle", showarrow: false,
              text: label, align: "left", font: { size: 11, color: colour("c1") } } },
  ];
  const diagonal = (colour, from, to) => ({
    type: "line", x0: from, y0: from, x1: to, y1: to, layer: "below",
    line: { color: colour("faint"), width: 1.25, dash: "dot" },
  });

  const drawn = {
    "bland-altman": (colour) => {
      const mean = reference.map((r, i) => (r + estimate[i]) / 2);
      const difference = reference.map((r, i) => estimate[i] - r);
      const signed = (v) => (v < 0 ? "−" : "+") + Math.abs(v).toFixed(2);
      const levels = [["bias", "solid"], ["low", "dash"], ["high", "dash"]]
        .filter(([name]) => known(data.limits[name]))
        .flatMap(([name, dash]) =>
          level(colour, data.limits[name], (name === "bias" ? "bias<br>" : "") + signed(data.limits[name]), dash));
      return {
        traces: [points(colour, mean, difference)],
        x: { title: "mean of estimate and reference, bpm" },
        y: {
          title: "estimate − reference, bpm", zeroline: true,
          range: span([...difference, ...Object.values(data.limits).filter(known), 0]),
        },
        shapes: levels.map((l) => l.shape), annotations: levels.map((l) => l.note), margin: { r: 52 },
      };
    },
    scatter: (colour) => {
      const range = reference.length ? span([...reference, ...estimate]) : [40, 180];
      return {
        traces: [points(colour, reference, estimate)],
        x: { title: "reference, bpm", range }, y: { title: "estimate, bpm", range },
        shapes: [diagonal(colour, ...range)],
      };
    },
    reliability: (colour) => {
      const bins = data.bins;
      const bars = bins.every((b) => known(b.low));
      return {
        traces: [{
          type: "scatter", mode: "lines+markers",
          x: bins.map((b) => b.confidence), y: bins.map((b) => b.share),
          text: bins.map((b) => `${b.rows} estimates`),
          line: { color: clear(colour("c0"), 0.5), width: 1 }, marker: { size: 8, color: colour("c0") },
          error_y: bars ? {
            type: "data", symmetric: false, color: clear(colour("c0"), 0.7), thickness: 1.25, width: 3,
            array: bins.map((b) => b.high - b.share), arrayminus: bins.map((b) => b.share - b.low),
          } : undefined,
          hovertemplate: "confidence %{x:.2f}<br>within 3 bpm %{y:.2f}<br>%{text}<extra></extra>",
        }],
        x: { title: "confidence", range: [-0.03, 1.03] },
        y: { title: "share within 3 bpm", range: [-0.03, 1.03] },
        shapes: [diagonal(colour, 0, 1)],
      };
    },
    "risk-coverage": (colour) => ({
      traces: [{
        type: "scatter", mode: data.risk.mae.length > 1 ? "lines" : "markers",
        x: data.risk.coverage, y: data.risk.mae,
        line: { color: colour("c0"), width: 2 }, marker: { size: 8, color: colour("c0") },
        hovertemplate: "%{x:.0f} % covered<br>MAE %{y:.2f} bpm<extra></extra>",
      }],
      x: { title: "coverage, % of rows", range: [0, 102] },
      y: { title: "MAE, bpm", rangemode: "tozero" },
    }),
  };

  show((colour) => Object.entries(drawn).map(([id, make]) => plot(id, colour, make(colour))));
})();
