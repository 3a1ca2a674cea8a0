/* The confusion plots of a cross-validation, drawn with Plotly from #page-data in the page's colours. */
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const { plain, plot, show } = plots;
  const classes = data.classes.map(plain);
  const sum = (values) => values.reduce((a, b) => a + b, 0);

  show((colour) => data.confusion.map(({ counts }, index) => {
    const shares = counts.map((row) => row.map((n) => (sum(row) ? n / sum(row) : 0)));
    const cells = counts.flatMap((row, y) => row.map((n, x) => ({
      x: classes[x], y: classes[y], showarrow: false,
      text: `${Number(n.toFixed(1))}<br>${(100 * shares[y][x]).toFixed(0)} %`,
      font: { size: 12, color: shares[y][x] > 0.55 ? colour("surface") : colour("ink") },
    })));
    const side = { showgrid: false, fixedrange: true, type: "category" };
    return plot(`confusion-${index}`, colour, {
      traces: [{
        type: "heatmap", x: classes, y: classes, z: shares, zmin: 0, zmax: 1, showscale: false,
        xgap: 2, ygap: 2, colorscale: [[0, colour("gap")], [1, colour("c0")]],
        hovertemplate: "%{y} taken for %{x}: %{z:.0%}<extra></extra>",
      }],
      x: { title: "taken for", ...side }, y: { title: "class", ...side, autorange: "reversed" },
      margin: { l: 70, b: 50 }, annotations: cells,
    });
  }));
})();
