// Copy buttons, and the live list of logins. Every page also works without this file.

const SAID_MS = 2000;

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const element = document.getElementById(button.dataset.copy);
    const { source } = button.dataset;
    const text = source ? await textAt(source, element.id) : element.textContent;
    if (text === undefined) {
      // The session has ended: the page with the text asks for the password.
      location.assign(source);
      return;
    }
    const said = await copy(text, element) ? "Copied" : "Selected";
    say(button, said, "Copy");
  });
}

for (const button of document.querySelectorAll("[data-copy-text]")) {
  button.hidden = false;
  const { ariaLabel } = button;
  button.addEventListener("click", async () => {
    const text = button.dataset.copyText;
    const copied = await copy(text, button.previousElementSibling);
    button.ariaLabel = copied ? "Copied" : "Selected";
    button.classList.add("done");
    setTimeout(() => { button.ariaLabel = ariaLabel; button.classList.remove("done"); }, SAID_MS);
  });
}

// Copy a text. Without TLS, the clipboard may be unavailable: then select it, to copy with the keyboard.
async function copy(text, element) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    element.textContent = text;
    getSelection().selectAllChildren(element);
    return false;
  }
}

function say(button, text, usual) {
  button.textContent = text;
  setTimeout(() => { button.textContent = usual; }, SAID_MS);
}

// Fetch a text that is masked here from the page that shows it.
async function textAt(source, id) {
  const answer = await fetch(source);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.getElementById(id)?.textContent;
}

const ROWS_MAX = 200;
const live = document.getElementById("live");
if (live) {
  const body = document.getElementById("attempts");
  const waiting = [];
  const source = new EventSource(live.dataset.stream);
  source.addEventListener("open", () => {
    live.textContent = "Live: new login attempts appear at the top.";
  });
  source.addEventListener("error", () => {
    live.textContent = "Connection lost. Trying again…";
  });
  source.addEventListener("message", (event) => {
    const template = document.createElement("template");
    template.innerHTML = event.data;
    const row = template.content.querySelector("tr");
    if (!row || document.getElementById(row.id) || waiting.some((one) => one.id === row.id)) return;
    row.classList.add("fresh");
    waiting.push(row);
    if (!isRead()) showWaiting();
    else live.textContent = `${waiting.length} new, shown when you leave the list`;
  });
  // While a person reads the list, or is about to click on it, its rows do not move.
  const isRead = () => body.matches(":hover, :focus-within") || body.getBoundingClientRect().top < 0;
  for (const [target, name] of [[body, "pointerleave"], [body, "focusout"], [document, "scroll"]]) {
    target.addEventListener(name, () => { if (!isRead()) showWaiting(); });
  }

  function showWaiting() {
    if (!waiting.length) return;
    body.prepend(...waiting.splice(0).reverse());
    document.getElementById("none")?.remove();
    while (body.rows.length > ROWS_MAX) body.deleteRow(-1);
    live.textContent = "Live: new login attempts appear at the top.";
  }
}
