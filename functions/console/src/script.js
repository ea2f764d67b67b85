// What a browser adds to the pages, which work without it: a button that copies a command, "/" for the search, and a page
// that is loaded again by itself.
"use strict";
const isTyping = () => /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
for (const command of document.querySelectorAll(".copy")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "alt small";
  button.textContent = document.body.dataset.copy;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(command.textContent);
    button.textContent = document.body.dataset.copied;
  });
  command.after(button);
}
document.addEventListener("keydown", (event) => {
  const search = document.getElementById("q");
  if (event.key === "/" && search && !isTyping() && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    search.focus();
  }
});
// Only once a person turns it on, and for some minutes: no session is kept for longer by it.
const [PAUSE_MS, MINUTES_MS, UNTIL] = [30_000, 20 * 60_000, "refreshed-until"];
const live = document.querySelector("main[data-live] h1");
if (live) {
  const left = () => Number(sessionStorage.getItem(UNTIL)) - Date.now();
  const button = document.createElement("button");
  button.type = "button";
  button.className = "alt small";
  button.textContent = document.body.dataset.refresh;
  const show = () => button.setAttribute("aria-pressed", String(left() > 0));
  button.addEventListener("click", () => {
    sessionStorage.setItem(UNTIL, left() > 0 ? 0 : Date.now() + MINUTES_MS);
    show();
  });
  show();
  live.after(button);
  setInterval(() => {
    if (left() > 0 && document.visibilityState === "visible" && !isTyping()) location.reload();
    else show();
  }, PAUSE_MS);
}
