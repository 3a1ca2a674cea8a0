/* The session page beside its timeline: copying the methods, and opening what is folded to print. */
"use strict";
(() => {
  const button = document.getElementById("copy-methods");
  const text = document.getElementById("methods");
  const told = document.getElementById("copied");

  /* Select it, so that it can be copied by hand where the browser does not let a page. */
  const select = () => {
    const range = document.createRange();
    range.selectNodeContents(text);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  };
  const copy = async () => {
    const works = [...text.querySelectorAll("li")].map((work, index) => `${index + 1}. ${work.textContent}`);
    const said = [...text.querySelectorAll("p")].map((paragraph) => paragraph.textContent);
    const plain = [...said, "", "References", ...works].join("\n");
    try {
      await navigator.clipboard.writeText(plain);
      told.textContent = "Copied.";
    } catch {
      select();
      told.textContent = document.execCommand("copy") ? "Copied." : "Selected: copy it with Ctrl+C.";
    }
  };
  if (button) {
    button.parentElement.hidden = false;
    button.addEventListener("click", copy);
  }

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const part of folded) part.open = true;
  });
  addEventListener("afterprint", () => {
    for (const part of folded) part.open = false;
  });
})();
