/* Clips of the face, and the recording: a "moment" of the session plays, "playing" says where. */
"use strict";
(() => {
  const SLOW = 0.25;

  /* A clip: its picture becomes a film, slowed, then at true speed, then the picture again. */
  const clips = () => {
    const show = (button) => {
      const film = document.createElement("video");
      Object.assign(film, { muted: true, loop: true, playsInline: true, src: button.dataset.clip });
      film.addEventListener("error", () => { stop(button); button.title = "This browser cannot play the clip."; });
      const { begin, end } = button.dataset;
      const mark = () => {
        if (!film.isConnected) return;
        const at = film.currentTime;
        button.classList.toggle("on", at >= Number(begin) - 0.01 && at <= Number(end) + 0.01);
        requestAnimationFrame(mark);
      };
      button.append(film);
      mark();
      return film;
    };
    const stop = (button) => {
      button.querySelector("video")?.remove();
      button.classList.remove("slow", "true", "on");
    };
    const say = (button, next) => {
      const label = button.getAttribute("aria-label");
      button.setAttribute("aria-label", label.replace(/^(Play|Stop) the clip of (\S+).*$/, next));
    };
    for (const button of document.querySelectorAll(".clip")) {
      button.addEventListener("click", () => {
        const film = button.querySelector("video");
        if (button.classList.contains("slow")) {
          button.classList.replace("slow", "true");
          film.playbackRate = 1;
          say(button, "Stop the clip of $2");
        } else if (film) {
          stop(button);
          say(button, "Play the clip of $2 at a quarter of its speed");
        } else {
          const begun = show(button);
          button.classList.add("slow");
          begun.defaultPlaybackRate = begun.playbackRate = SLOW;
          begun.play().catch(() => {});
          say(button, "Play the clip of $2 at its own speed");
        }
      });
    }
  };

  /* The recording: its own time is (session time - offset) / rate. */
  const recording = (player) => {
    const video = player.querySelector("video");
    const status = player.querySelector("[role=status]");
    const at = player.querySelector("output");
    const offset = Number(player.dataset.offset), rate = Number(player.dataset.rate);
    const clock = (seconds) => {
      const whole = Math.floor(Math.max(0, seconds));
      const minutes = Math.floor(whole / 60), two = (n) => String(n).padStart(2, "0");
      return whole >= 3600 ? `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`
        : `${minutes}:${two(whole % 60)}`;
    };

    /* An embedded recording may be large: it is unpacked once the page is drawn. */
    const held = document.getElementById("recording-data");
    const unpack = () => {
      if (!held || video.src) return;
      const packed = held.textContent, part = 1 << 20, bytes = [];
      for (let i = 0; i < packed.length; i += part) {
        const text = atob(packed.slice(i, i + part));
        bytes.push(Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
      }
      video.src = URL.createObjectURL(new Blob(bytes, { type: held.dataset.type }));
    };
    const ready = () => new Promise((resolve, reject) => {
      unpack();
      if (video.error) reject();
      if (video.readyState >= 1) resolve();
      video.addEventListener("loadedmetadata", resolve, { once: true });
      video.addEventListener("error", reject, { once: true });
    });

    let wanted = 0, hidden = false;
    const play = async (seconds) => {
      if (hidden) return;
      fold(false);
      const turn = ++wanted;
      try { await ready(); } catch { return; }
      if (turn !== wanted) return;
      const own = (seconds - offset) / rate;
      if (own < 0 || own > video.duration) {
        video.pause();
        status.textContent = `The recording does not hold ${clock(seconds)} of the session.`;
        return;
      }
      status.textContent = "";
      video.currentTime = own;
      video.play().catch(() => {});
    };
    const tell = () => {
      const seconds = offset + rate * video.currentTime;
      at.value = clock(seconds);
      document.dispatchEvent(new CustomEvent("playing", { detail: seconds }));
    };
    const fold = (folded) => {
      player.classList.toggle("folded", folded);
      const button = player.querySelector("[data-do=fold]");
      button.textContent = folded ? "Show" : "Hide";
      button.setAttribute("aria-expanded", String(!folded));
      if (folded) video.pause();
    };
    const actions = {
      back: () => { video.currentTime = Math.max(0, video.currentTime - 5); },
      slow: (button) => {
        const slow = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(slow));
        video.defaultPlaybackRate = video.playbackRate = slow ? SLOW : 1;
      },
      fold: () => {
        hidden = !player.classList.contains("folded");
        fold(hidden);
      },
    };

    document.addEventListener("moment", (event) => play(Number(event.detail)));
    for (const name of ["timeupdate", "seeked"]) video.addEventListener(name, tell);
    const fail = () => {
      status.textContent = held ? "This browser cannot play the recording."
        : "The recording cannot be played: it is not where it was when this page was made, or this browser does not know its format.";
    };
    video.addEventListener("error", fail);
    if (video.error) fail();
    player.addEventListener("click", (event) => actions[event.target.dataset.do]?.(event.target));
    fold(true);
    setTimeout(unpack);
  };

  clips();
  const player = document.getElementById("player");
  if (player) recording(player);
})();
