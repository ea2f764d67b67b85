// What a browser adds to the pages, which work without it: a button that copies a command, and "/" for the search.
"use strict";
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
  const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
  if (event.key === "/" && search && !isTyping && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    search.focus();
  }
});
