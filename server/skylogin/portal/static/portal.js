// Copy buttons, and the live list of logins. Every page also works without this file.

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy).textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      // Without TLS, the clipboard may be unavailable: select the text, to copy it by keyboard.
      const range = document.createRange();
      range.selectNodeContents(document.getElementById(button.dataset.copy));
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}

const ROWS_MAX = 200;
const live = document.getElementById("live");
if (live) {
  const body = document.getElementById("attempts");
  const source = new EventSource(live.dataset.stream);
  source.addEventListener("open", () => {
    live.hidden = false;
    live.textContent = "Live: new login attempts appear at the top.";
  });
  source.addEventListener("error", () => {
    live.textContent = "Connection lost. Trying again…";
  });
  source.addEventListener("message", (event) => {
    const template = document.createElement("template");
    template.innerHTML = event.data;
    const row = template.content.querySelector("tr");
    if (!row || document.getElementById(row.id)) return;
    row.classList.add("fresh");
    body.prepend(row);
    document.getElementById("none")?.remove();
    while (body.rows.length > ROWS_MAX) body.deleteRow(-1);
  });
}
