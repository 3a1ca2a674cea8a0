"""A session's page in Chromium, timed by the browser's own clock."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

__all__ = ["CHROMIUM", "measured_page"]

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "chrome"])), None)

# In a copy of the page, whose policy would not let it run: it clicks, and tells how long it took.
SCRIPT = """
const painted = () => new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))));
const idle = (ms) => new Promise((done) => setTimeout(done, ms));
const until = async (holds) => { while (!holds()) await idle(20); };
addEventListener("load", async () => {
  const plot = document.getElementById("timeline");
  await until(() => plot.dataset.ready === "true");
  const loaded = await painted();
  const order = ["in", "in", "right", "in", "right", "in", "left", "out", "right", "out", "in",
    "all"];
  const clicks = [];
  const cpu = async () => Number(await (await fetch("cpu")).text());
  const before = await cpu();
  for (let n = 0; n < CLICKS; n++) {
    const view = order[n % order.length];
    await idle(150);
    const began = performance.now();
    document.querySelector(`[data-view=${view}]`).click();
    const script = performance.now() - began;
    clicks.push({ view, script, ms: await painted() - began });
  }
  const used = (await cpu()) - before;
  const box = document.createElement("div");
  document.body.append(box);
  box.innerHTML = '<svg width="1000" height="200"><path d="M0 0h1"/></svg>';
  const empty = [];
  for (let n = 0; n < CLICKS; n++) {
    await idle(150);
    const began = performance.now();
    box.querySelector("path").setAttribute("d", `M0 0h${n + 1}`);
    empty.push(await painted() - began);
  }
  const told = { loaded, clicks, empty, cpu: used / CLICKS };
  await fetch("result", { method: "POST", body: JSON.stringify(told) });
});
"""


class _Server(BaseHTTPRequestHandler):
    """Gives the page, takes what it tells."""

    def __init__(self, html: bytes, told: dict[str, Any], ended: threading.Event, *rest: Any):
        self._html, self._told, self._ended = html, told, ended
        super().__init__(*rest)

    def do_GET(self) -> None:
        given = {"/page.html": self._html, "/cpu": str(_browsers_cpu_ms()).encode()}
        self.send_response(200 if self.path in given else 204)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(given.get(self.path, b""))

    def do_POST(self) -> None:
        self._told.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()
        self._ended.set()

    def log_message(self, *_: object) -> None:
        pass


def _browsers_cpu_ms() -> float:
    """Return the processor time that this process's children have used, and theirs; Linux only."""
    stats = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            stats[int(file.parent.name)] = file.read_text().rpartition(")")[2].split()
    ours, ticks = {os.getpid()}, 0
    while found := {pid for pid, stat in stats.items() if int(stat[1]) in ours and pid not in ours}:
        ours |= found
        ticks += sum(int(stats[pid][11]) + int(stats[pid][12]) for pid in found)
    return 1000 * ticks / os.sysconf("SC_CLK_TCK")


def measured_page(page: Path, clicks: int) -> dict[str, Any]:
    """Open a page and click; return times in ms and the `console`.

    `loaded`; `clicks`: of each its `view`, `script` and `ms`; `empty`: of changing one line;
    `cpu`: processor time of all of the browser's processes, a click.
    """
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text("utf-8"))
    script = f"<script>{SCRIPT.replace('CLICKS', str(clicks))}</script>"
    html = html.replace("</body>", script + "</body>", 1)
    told: dict[str, Any] = {}
    ended = threading.Event()
    server = HTTPServer(("127.0.0.1", 0), partial(_Server, html.encode(), told, ended))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
        "--disable-background-networking --disable-component-update --disable-sync "
        "--enable-logging=stderr --v=0 --window-size=1200,1000 --remote-debugging-port=0"
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        address = f"http://127.0.0.1:{server.server_port}/page.html"
        log = Path(folder) / "log"
        with log.open("w") as errors:
            browser = subprocess.Popen(
                [str(CHROMIUM), *flags.split(), f"--user-data-dir={folder}/profile", address],
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            try:
                if not ended.wait(300):
                    raise TimeoutError("the page told nothing within 300 s")
            finally:
                browser.terminate()
                browser.wait()
                server.shutdown()
        told["console"] = [line for line in log.read_text().splitlines() if "CONSOLE" in line]
    return told
