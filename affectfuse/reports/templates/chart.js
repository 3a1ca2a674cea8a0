/* Panels of series over one time axis, as SVG. A view shows every reading in it or, where there are
   more than the screen has columns, the least and the greatest of each column: no extreme is lost. */
"use strict";
const chart = (() => {
  const GAP = 18, LINE = 16, LEFT = 40, RIGHT = 6, AXIS = 26, HEAD = 20;
  const STEPS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800];

  const make = (name, attributes = {}, ...children) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const short = (text, length) => (text.length > length ? text.slice(0, length - 1) + "…" : text);
  const colour = (index) => `var(--c${index % 8})`;
  const tenth = (value) => Math.round(10 * value) / 10;

  /* Values come as 32-bit floats, times as the first and the step or as milliseconds. */
  const bytes = (text) => {
    const binary = atob(text), found = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) found[i] = binary.charCodeAt(i);
    return found.buffer;
  };
  const unpacked = (series) => {
    const values = new Float32Array(bytes(series.values));
    const { first_s, step_s, ms } = series.times;
    const times = ms === undefined ? Float64Array.from(values, (_, i) => first_s + i * step_s)
      : Float64Array.from(new Int32Array(bytes(ms)), (time) => time / 1000);
    return { ...series, times, values };
  };
  const unpack = (panels) => panels.map((panel) => ({
    ...panel, series: panel.series.map(unpacked),
    confidence: panel.confidence && unpacked(panel.confidence),
  }));

  /* How many of the times, which rise, lie before a time. */
  const before = (times, time) => {
    let low = 0, high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] < time) low = middle + 1; else high = middle;
    }
    return low;
  };
  /* Where the stretch begins that a reading stands for: it ends at its time. */
  const since = (times, i) =>
    i ? times[i - 1] : Math.max(0, times.length > 1 ? 2 * times[0] - times[1] : 0);

  /* The path of a series in a view; with a base, of the area down to it. */
  const path = ({ times, values, step }, x, y, columns, base) => {
    const first = Math.max(0, before(times, x.from) - 1), end = Math.min(times.length, before(times, x.to) + 1);
    const parts = [];
    let begun = null;
    const close = () => {
      if (begun !== null && base !== undefined) parts.push("V", base, "H", begun, "Z");
      begun = null;
    };
    if (end - first <= 2 * columns) {
      for (let i = first; i < end; i++) {
        const value = values[i];
        if (value !== value) { close(); continue; }
        const at = tenth(x(times[i])), height = tenth(y(value));
        if (step && begun === null) parts.push("M", begun = tenth(x(since(times, i))), " ", height, "H", at);
        else if (step) parts.push("V", height, "H", at);
        else if (begun === null) parts.push("M", begun = at, " ", height, "h0");
        else parts.push("L", at, " ", height);
      }
    } else {
      let i = first;
      while (i < end) {
        const column = Math.floor(x(times[i])), next = x.time(column + 1);
        let least = Infinity, most = -Infinity, risen = true;
        do {
          const value = values[i++];
          if (value < least) { least = value; risen = false; }
          if (value > most) { most = value; risen = true; }
        } while (i < end && times[i] < next);
        if (most < least) { close(); continue; }
        const height = tenth(y(risen ? least : most));
        if (begun === null) parts.push("M", begun = column, " ", height);
        else parts.push("L", column, " ", height);
        parts.push("V", tenth(y(risen ? most : least)));
      }
    }
    close();
    return parts.join("");
  };

  /* Round numbers from low to high, about so many. */
  const ticks = (low, high, count) => {
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = power * ([1, 2, 5, 10].find((n) => n * power >= rough) ?? 10);
    const found = [];
    for (let n = Math.ceil(low / step); n * step <= high; n++) found.push(Number((n * step).toPrecision(6)));
    return found;
  };
  const span = (panel) => {
    if (panel.rows) return [panel.rows.length - 0.5, -0.5];
    if (panel.range) return [panel.range[0] - 0.02, panel.range[1] + 0.02];
    let low = Infinity, high = -Infinity;
    for (const { values } of panel.series) for (const value of values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (high < low) return null;
    const margin = 0.06 * (high - low) || Math.abs(high) || 1;
    return [low - margin, high + margin];
  };
  const clock = (seconds, step, hours) => {
    const decimals = step < 0.1 ? 2 : step < 1 ? 1 : 0;
    const [whole, part] = seconds.toFixed(decimals).split("."), two = (n) => String(n).padStart(2, "0");
    const minutes = Math.floor(whole / 60);
    const text = hours ? `${Math.floor(minutes / 60)}:${two(minutes % 60)}` : `${minutes}`;
    return `${text}:${two(whole % 60)}` + (part ? `.${part}` : "");
  };

  /* The names of a panel's series, wrapped to the width. */
  const legend = (panel, width) => {
    const entries = panel.series.filter((s) => s.name !== panel.title)
      .map((s) => ({ name: s.name, colour: colour(s.colour), opacity: 1 }));
    (panel.rows ?? []).forEach((row, index) => entries.push({ name: row.name, colour: colour(index + 1), opacity: 1 }));
    if (panel.confidence) entries.push({ name: panel.confidence.name, colour: colour(0), opacity: 0.35 });
    const lines = [];
    let room = 0;
    for (const entry of entries) {
      const name = short(entry.name, 24), need = 7 * (name.length + 4);
      if (need > room) { lines.push([]); room = width; }
      lines.at(-1).push({ ...entry, name });
      room -= need;
    }
    return lines;
  };

  const isNarrow = (width) => width < 560;
  const labels = (panel, width) => legend(panel, (isNarrow(width) ? 1 : 0.6) * (width - LEFT - RIGHT));
  const above = (lines, width) => LINE * (isNarrow(width) ? 1 + lines.length : Math.max(1, lines.length)) + 6;

  /* Draw the panels that `unpack` gave, in parts of a height where they are for paper; return how to
     show another view of them. */
  const draw = (place, content, width, most = Infinity) => {
    const parts = [[]];
    let room = most - HEAD - AXIS;
    for (const panel of content.panels) {
      const height = above(labels(panel, width), width) + panel.height + GAP;
      if (height > room && parts.at(-1).length) {
        parts.push([]);
        room = most - HEAD - AXIS;
      }
      parts.at(-1).push(panel);
      room -= height;
    }
    const drawn = parts.map((panels) => drawPart({ ...content, panels }, width));
    place.replaceChildren(...drawn.map((part) => part.svg));
    return { ...drawn[0], show: (from, to) => drawn.forEach((part) => part.show(from, to)) };
  };

  const drawPart = ({ panels, questions, duration }, width) => {
    const narrow = isNarrow(width), inner = Math.max(width - LEFT - RIGHT, 50);
    const hours = duration >= 3600;
    const head = questions.length ? HEAD : 0;
    const bands = make("path", { class: "bands" }), numbers = make("g", { class: "numbers" });
    const grid = make("path", { class: "grid" }), scale = make("g", { class: "scale" });
    const svg = make("svg", { "aria-hidden": "true" }, bands, grid, numbers);
    const views = [];
    let y0 = head;
    for (const panel of panels) {
      const lines = labels(panel, width), top = y0 + above(lines, width);
      svg.append(make("text", { class: "title", x: LEFT, y: y0 + 12 }, panel.title,
        make("tspan", { class: "unit" }, panel.unit ? `  ${panel.unit}` : "")));
      lines.forEach((line, row) => {
        const text = make("text", {
          class: "legend", x: narrow ? LEFT : width - RIGHT, "text-anchor": narrow ? "start" : "end",
          y: y0 + 12 + LINE * (row + narrow),
        });
        line.forEach((entry, n) => text.append(
          make("tspan", { fill: entry.colour, "fill-opacity": entry.opacity }, `${n ? "\u2003" : ""}■ `), entry.name));
        svg.append(text);
      });
      views.push(drawPanel(svg, panel, top, inner));
      y0 = top + panel.height + GAP;
    }
    const bottom = Math.max(y0 - GAP, head), height = bottom + AXIS;
    svg.append(scale);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);

    const show = (from, to) => {
      const x = (time) => (time - from) * (inner / (to - from));
      Object.assign(x, { from, to, time: (pixel) => from + pixel * ((to - from) / inner) });
      const rough = ((to - from) * (narrow ? 75 : 105)) / inner;
      const step = STEPS.find((n) => n >= rough) ?? 86400;
      let lines = "";
      const told = [];
      for (let n = Math.ceil(from / step); n * step <= to + 1e-9; n++) {
        const at = tenth(LEFT + x(n * step));
        lines += `M${at} ${head}V${bottom}`;
        told.push(make("text", { x: Math.min(at, width - 22), y: height - 8, "text-anchor": "middle" }, clock(n * step, step, hours)));
      }
      grid.setAttribute("d", lines);
      scale.replaceChildren(...told);
      showBands(x);
      for (const view of views) view(x);
    };

    /* Their numbers are thinned where they would touch: each, every second, every fifth, ... */
    const showBands = (x) => {
      const seen = questions.filter((q) => q.offset >= x.from && q.onset <= x.to).map((q) => {
        const left = Math.max(0, x(q.onset)), right = Math.min(inner, Math.max(x(q.offset), x(q.onset) + 1));
        return { number: q.number, left, right, middle: (left + right) / 2, width: 6.5 * String(q.number).length + 5 };
      });
      bands.setAttribute("d", seen.map((b) =>
        `M${tenth(LEFT + b.left)} 0H${tenth(LEFT + b.right)}V${bottom}H${tenth(LEFT + b.left)}Z`).join(""));
      const stride = [1, 2, 5, 10, 20, 50, 100, 1000].find((n) => {
        const kept = seen.filter((b) => b.number % n === 0);
        return kept.every((b, i) => !i || b.middle - kept[i - 1].middle >= (b.width + kept[i - 1].width) / 2);
      }) ?? 1000;
      numbers.replaceChildren(...seen.filter((b) => b.number % stride === 0).map((b) =>
        make("text", { x: tenth(LEFT + b.middle), y: 12, "text-anchor": "middle" }, String(b.number))));
    };
    return { svg, show, left: LEFT, inner, bottom };
  };

  const drawPanel = (svg, panel, top, inner) => {
    const { height } = panel, limits = span(panel), [low, high] = limits ?? [0, 1];
    const y = (value) => (height * (high - value)) / (high - low);
    const columns = Math.max(Math.floor(inner), 1);
    const body = make("svg", { class: "panel", x: LEFT, y: top, width: inner, height });
    const gaps = make("path", { class: "gap" }), reasons = make("g", { class: "reasons" });
    body.append(gaps);
    const levels = panel.rows || !limits ? [] : panel.range && height < 90 ? [0, 1] : ticks(low, high, height > 90 ? 4 : 2);
    const rules = levels.map((level) => `M0 ${tenth(y(level))}H${inner}`).join("");
    body.append(make("path", { class: "grid", d: rules }));
    for (const level of levels) {
      svg.append(make("text", { class: "level", x: LEFT - 5, y: top + y(level) + 3.5, "text-anchor": "end" }, String(level)));
    }
    const lines = [];
    const add = (series, attributes, height, base) => {
      const node = make("path", attributes);
      body.append(node);
      lines.push((x) => node.setAttribute("d", path(series, x, height, columns, base)));
    };
    if (panel.confidence) {
      add({ ...panel.confidence, step: true }, { class: "area", fill: colour(0), "fill-opacity": 0.2 },
        (value) => height * (1 - value / 4), height);
    }
    for (const s of panel.series) {
      if (s.fill) add(s, { class: "area", fill: colour(s.colour), "fill-opacity": 0.3 }, y, tenth(y(0)));
      add(s, {
        class: "series", stroke: colour(s.colour), "stroke-opacity": panel.thin ? 0.6 : 1,
        "stroke-width": panel.thin ? 0.8 : s.fill ? 1 : 1.6,
      }, y);
    }
    for (const [index, row] of (panel.rows ?? []).entries()) {
      const bar = make("path", { class: "bar", stroke: colour(index + 1) }), tick = make("path", { class: "apex", stroke: colour(index + 1) });
      body.append(bar, tick);
      const level = tenth(y(index));
      lines.push((x) => {
        let bars = "", ticked = "";
        row.onset.forEach((onset, i) => {
          if (row.offset[i] < x.from || onset > x.to) return;
          bars += `M${tenth(x(onset))} ${level}H${tenth(x(row.offset[i]))}`;
          ticked += `M${tenth(x(row.apex[i] ?? onset))} ${level - 7}v14`;
        });
        bar.setAttribute("d", bars);
        tick.setAttribute("d", ticked);
      });
    }
    body.append(reasons);
    svg.append(body);
    return (x) => {
      const seen = panel.gaps.filter((gap) => gap.end > x.from && gap.start < x.to).map((gap) =>
        [Math.max(0, x(gap.start)), Math.min(inner, x(gap.end)), gap.reason]);
      gaps.setAttribute("d", seen.map(([from, to]) => `M${tenth(from)} 0H${tenth(to)}V${height}H${tenth(from)}Z`).join(""));
      reasons.replaceChildren(...seen.filter(([from, to]) => to - from > 42).map(([from, to, reason]) =>
        make("text", { x: tenth((from + to) / 2), y: height / 2 + 4, "text-anchor": "middle" }, short(reason, Math.floor((to - from) / 6)))));
      for (const line of lines) line(x);
    };
  };

  /* What each series says at a time, as [name, text]; of what lies within `reach_s` where it has no
     reading just then. */
  const readings = ({ panels, questions }, time, reach_s) => {
    const found = [];
    for (const question of questions) {
      if (time >= question.onset && time <= question.offset) found.push([`Question ${question.number}`, question.label]);
    }
    for (const panel of panels) {
      const gap = panel.gaps.find((g) => time >= g.start && time <= g.end);
      for (const s of [...panel.series, ...(panel.confidence ? [{ ...panel.confidence, step: true }] : [])]) {
        const value = valueAt(s, time, reach_s);
        if (value === undefined || Number.isNaN(value)) {
          if (gap && s === panel.series[0]) found.push([panel.title, gap.reason]);
          continue;
        }
        const share = panel.range || panel.prefix || s === panel.confidence || s.name === "confidence";
        found.push([panel.prefix + s.name, share ? value.toFixed(2) : `${Number(value.toPrecision(4))} ${panel.unit}`, s.colour]);
      }
      for (const row of panel.rows ?? []) {
        row.onset.forEach((onset, i) => {
          if (time < onset - reach_s || time > row.offset[i] + reach_s) return;
          const sure = row.confidence[i] === null ? "" : ` ${row.confidence[i].toFixed(2)}`;
          found.push([row.name, row.label[i].replaceAll("_", " ") + sure]);
        });
      }
    }
    return found;
  };
  const valueAt = ({ times, values, step }, time, reach_s) => {
    let i = before(times, time);
    if (step) return i < times.length && time > since(times, i) ? values[i] : undefined;
    if (i === times.length || (i && time - times[i - 1] < times[i] - time)) i--;
    if (i < 0) return undefined;
    const usual = times.length > 1 ? (times.at(-1) - times[0]) / (times.length - 1) : 0;
    return Math.abs(times[i] - time) <= Math.max(reach_s, usual) ? values[i] : undefined;
  };

  return { clock, draw, readings, unpack };
})();
