/* The timeline: zoom, a cursor over all panels, and the moment that is looked at. */
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const plot = document.getElementById("timeline");
  const whole = [0, Math.max(data.duration, 1)];
  const touch = matchMedia("(pointer: coarse)").matches;
  const LEAST_S = 0.5, DRAGGED_PX = 6, NEAR_PX = 8, PAPER_PX = [690, 800];
  const panels = chart.unpack(data.panels);
  const content = { panels, questions: data.questions, duration: whole[1] };

  const part = (name) => {
    const node = document.createElement("div");
    node.className = name;
    node.hidden = true;
    return node;
  };
  const canvas = part("canvas");
  canvas.hidden = false;
  const cursor = part("cursor"), playing = part("playing"), selection = part("selection"), told = part("readings");
  let view = whole, drawn, played = null;

  const left = (time) => drawn.left + ((time - view[0]) * drawn.inner) / (view[1] - view[0]);
  const timeAt = (event) => {
    const pixel = event.clientX - plot.getBoundingClientRect().left - drawn.left;
    const time = view[0] + (pixel * (view[1] - view[0])) / drawn.inner;
    return Math.min(Math.max(time, view[0]), view[1]);
  };
  const place = (line, time) => {
    line.hidden = time === null || time < view[0] || time > view[1];
    if (!line.hidden) line.style.transform = `translateX(${left(time)}px)`;
  };
  const show = (from, to) => {
    view = [from, to];
    [plot.dataset.from, plot.dataset.to] = view.map((time) => time.toFixed(3));
    cursor.hidden = told.hidden = true;
    drawn.show(from, to);
    place(playing, played);
  };
  const draw = (width = plot.clientWidth || 700, most = Infinity) => {
    drawn = chart.draw(canvas, content, width, most);
    for (const line of [cursor, playing, selection]) line.style.height = `${drawn.bottom}px`;
    show(...view);
  };

  const zoom = (factor) => {
    const [from, to] = view;
    const half = Math.min(Math.max(((to - from) * factor) / 2, LEAST_S / 2), whole[1] / 2);
    const middle = Math.min(Math.max((from + to) / 2, half), whole[1] - half);
    show(middle - half, middle + half);
  };
  const pan = (share) => {
    const [from, to] = view;
    const step = Math.min(Math.max(share * (to - from), -from), whole[1] - to);
    show(from + step, to + step);
  };
  const views = {
    all: () => show(...whole), in: () => zoom(0.5), out: () => zoom(2), left: () => pan(-0.4), right: () => pan(0.4),
  };
  const keys = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", "0": "all" };
  const moment = (time) => document.dispatchEvent(new CustomEvent("moment", { detail: time }));

  /* What is known at the cursor, in a box beside it. */
  const tell = (event) => {
    const time = timeAt(event), span = view[1] - view[0];
    place(cursor, time);
    const rows = chart.readings(content, time, (NEAR_PX * span) / drawn.inner);
    const head = document.createElement("b");
    head.textContent = chart.clock(time, 0.5, whole[1] >= 3600);
    told.replaceChildren(head, ...rows.map(([name, text, colour]) => {
      const row = document.createElement("div"), value = document.createElement("span");
      if (colour !== undefined) row.style.borderColor = `var(--c${colour % 8})`;
      value.textContent = text;
      row.append(name, value);
      return row;
    }));
    told.hidden = false;
    const box = plot.getBoundingClientRect();
    const at = event.clientX - box.left, room = told.offsetWidth + 14;
    told.style.left = `${at + room < box.width ? at + 14 : Math.max(at - room, 0)}px`;
    const top = Math.min(event.clientY - box.top - 20, drawn.bottom - told.offsetHeight);
    told.style.top = `${Math.max(top, -box.top, 0)}px`;
  };

  let pressed = null, moved = null;
  const select = (event) => {
    const [from, to] = [pressed, timeAt(event)].sort((a, b) => a - b);
    selection.hidden = Math.abs(left(to) - left(from)) < DRAGGED_PX;
    selection.style.transform = `translateX(${left(from)}px)`;
    selection.style.width = `${left(to) - left(from)}px`;
    return selection.hidden ? null : [from, Math.max(to, from + LEAST_S)];
  };
  const pointer = () => {
    plot.addEventListener("pointerdown", (event) => {
      if (event.button || event.clientY - plot.getBoundingClientRect().top > drawn.bottom) return;
      pressed = timeAt(event);
    });
    plot.addEventListener("pointermove", (event) => {
      if (event.pointerType === "touch") return;
      if (moved === null) requestAnimationFrame(() => {
        if (moved && pressed !== null) select(moved);
        if (moved) tell(moved);
        moved = null;
      });
      moved = event;
    });
    addEventListener("pointerup", (event) => {
      if (pressed === null) return;
      const chosen = event.pointerType === "touch" ? null : select(event), time = pressed;
      pressed = null;
      selection.hidden = true;
      if (chosen) show(Math.max(0, Math.min(chosen[0], whole[1] - LEAST_S)), Math.min(chosen[1], whole[1]));
      else {
        tell(event);
        moment(time);
      }
    });
    addEventListener("pointercancel", () => { pressed = null; selection.hidden = true; });
    plot.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "touch") return;  // a finger leaves as soon as it has tapped
      moved = null;
      cursor.hidden = told.hidden = true;
    });
    plot.addEventListener("dblclick", views.all);
  };

  const start = () => {
    plot.append(canvas, selection, cursor, playing, told);
    draw();
    const controls = document.querySelector(".controls");
    controls.hidden = false;
    if (touch) document.getElementById("hint").textContent = "Tap to read values; the buttons zoom.";
    controls.addEventListener("click", (event) => views[event.target.dataset.view]?.());
    plot.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      views[keys[event.key]]();
    });
    pointer();
    document.addEventListener("click", (event) => {
      const { from, to } = event.target.dataset ?? {};
      if (from === undefined || event.target === plot) return;
      const margin = Math.max(5, 0.5 * (to - from));
      show(Math.max(0, from - margin), Math.min(whole[1], Number(to) + margin));
      plot.scrollIntoView({ block: "nearest" });
      plot.focus({ preventScroll: true });
      moment(Number(from));
    });
    document.addEventListener("playing", (event) => { played = event.detail; place(playing, played); });
    let width = plot.clientWidth, printing = false;
    const print = (on) => {
      if (on === printing) return;
      printing = on;
      if (on) draw(...PAPER_PX); else draw();
    };
    addEventListener("beforeprint", () => print(true));
    addEventListener("afterprint", () => print(false));
    matchMedia("print").addEventListener("change", (event) => print(event.matches));
    new ResizeObserver(() => {
      if (!printing && plot.clientWidth !== width) { width = plot.clientWidth; draw(); }
    }).observe(plot);
    plot.dataset.ready = "true";
  };
  start();
})();
