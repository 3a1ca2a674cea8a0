/* The confusion plots of a cross-validation, drawn with Plotly from #page-data in the page's colours. */
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const plain = (text) =>
    String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const classes = data.classes.map(plain);
  const theme = () => {
    const style = getComputedStyle(document.documentElement);
    return (name) => style.getPropertyValue("--" + name).trim();
  };
  const sum = (values) => values.reduce((a, b) => a + b, 0);

  const draw = () => {
    const colour = theme();
    const axis = (text) => ({
      title: { text, font: { size: 12, color: colour("muted") }, standoff: 8 },
      tickfont: { size: 11, color: colour("muted") }, showgrid: false, zeroline: false,
      fixedrange: true, automargin: true, type: "category",
    });
    return Promise.all(data.confusion.map(({ counts }, index) => {
      const shares = counts.map((row) => row.map((n) => (sum(row) ? n / sum(row) : 0)));
      const cells = counts.flatMap((row, y) => row.map((n, x) => ({
        x: classes[x], y: classes[y], showarrow: false,
        text: `${Number(n.toFixed(1))}<br>${(100 * shares[y][x]).toFixed(0)} %`,
        font: { size: 12, color: shares[y][x] > 0.55 ? colour("surface") : colour("ink") },
      })));
      return Plotly.react(`confusion-${index}`, [{
        type: "heatmap", x: classes, y: classes, z: shares, zmin: 0, zmax: 1, showscale: false,
        xgap: 2, ygap: 2, colorscale: [[0, colour("gap")], [1, colour("c0")]],
        hovertemplate: "%{y} taken for %{x}: %{z:.0%}<extra></extra>",
      }], {
        margin: { l: 70, r: 10, t: 8, b: 50 }, annotations: cells,
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
        font: { family: getComputedStyle(document.body).fontFamily, color: colour("ink") },
        hoverlabel: { bgcolor: colour("surface"), bordercolor: colour("rule"),
                      font: { size: 11.5, color: colour("ink") } },
        xaxis: axis("taken for"), yaxis: { ...axis("class"), autorange: "reversed" },
      }, { displayModeBar: false, responsive: true });
    }));
  };
  draw().then(() => {
    document.querySelector(".plots").dataset.ready = "true";
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    addEventListener("beforeprint", draw);
    addEventListener("afterprint", draw);
    matchMedia("print").addEventListener("change", draw);
  });
})();
