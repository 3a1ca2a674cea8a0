/* What every page's plots share: its colours, its text made harmless, its axes, when to draw anew. */
"use strict";
const plots = (() => {
  /* Plotly reads a little HTML in its texts; what comes from outside is text only. */
  const plain = (text) =>
    String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const theme = () => {
    const style = getComputedStyle(document.documentElement);
    return (name) => style.getPropertyValue("--" + name).trim();
  };
  const clear = (hex, alpha) => hex.slice(0, 7) + Math.round(255 * alpha).toString(16).padStart(2, "0");
  const axis = (colour, { title, ...rest }) => ({
    title: { text: title, font: { size: 12, color: colour("muted") }, standoff: 8 },
    gridcolor: colour("grid"), zeroline: false, zerolinecolor: colour("rule"),
    tickfont: { size: 11, color: colour("muted") }, nticks: 7, automargin: true, ...rest,
  });

  /* Draw one plot: its traces, x and y as `axis` takes them, and what else the layout holds. */
  const plot = (place, colour, { traces, x, y, margin, ...layout }) =>
    Plotly.react(place, traces, {
      margin: { l: 52, r: 10, t: 8, b: 46, ...margin }, showlegend: false, hovermode: "closest",
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, color: colour("ink") },
      hoverlabel: { bgcolor: colour("surface"), bordercolor: colour("rule"),
                    font: { size: 11.5, color: colour("ink") } },
      xaxis: axis(colour, x), yaxis: axis(colour, y), ...layout,
    }, { displayModeBar: false, responsive: true, doubleClick: "reset" });

  /* Draw now, and again whenever the colours change. `draw` gets the theme, returns promises. */
  const show = (draw) => {
    const again = () => Promise.all(draw(theme()));
    again().then(() => {
      document.querySelector("main").dataset.ready = "true";
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
      addEventListener("beforeprint", again);
      addEventListener("afterprint", again);
      matchMedia("print").addEventListener("change", again);
    });
  };
  return { plain, clear, plot, show };
})();
