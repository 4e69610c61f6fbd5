// Keeps the parts of the page up to date. Without this script the page works too, and shows the moment it was loaded.

const REFRESH_MILLISECONDS = 2000;

const connection = document.getElementById("connection");
const shown = new Map();
const suggestions = new Map();

// A part in which somebody selects text or has the focus is left alone: it is being read.
function isInUse(part) {
  const selection = getSelection();
  const selects = selection !== null && !selection.isCollapsed && selection.containsNode(part, true);
  return selects || part.contains(document.activeElement);
}

async function refresh() {
  try {
    const response = await fetch("/live", { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`the gateway answers ${response.status}`);
    const { title, parts } = await response.json();
    document.title = title;
    for (const [id, html] of Object.entries(parts)) {
      const part = document.getElementById(id);
      if (shown.get(id) === html || isInUse(part)) continue;
      const open = [...part.querySelectorAll("details[open]")].map((details) => details.id);
      part.innerHTML = html;
      for (const details of open) document.getElementById(details)?.setAttribute("open", "");
      shown.set(id, html);
    }
    connection.textContent = "";
  } catch (error) {
    const time = new Date().toLocaleTimeString();
    if (!connection.textContent) connection.textContent = `No news since ${time}: ${error.message}`;
  }
}

// What would let refused origins through is fetched when its line is opened, and kept: parts are redrawn all the time.
async function suggest(details) {
  const link = details.querySelector("a.yaml");
  if (link === null) return;
  if (!suggestions.has(details.id)) {
    const response = await fetch(link.dataset.source);
    suggestions.set(details.id, response.ok ? await response.text() : `The gateway answers ${response.status}.`);
  }
  if (!link.isConnected) return;
  const yaml = document.createElement("pre");
  yaml.textContent = suggestions.get(details.id);
  link.parentElement.replaceWith(yaml);
}

async function reload(event) {
  event.preventDefault();
  const button = event.target.querySelector("button");
  const name = button.textContent;
  button.disabled = true;
  button.textContent = "Reloading …";
  try {
    await fetch("/reload", { method: "POST" });
  } finally {
    button.disabled = false;
    button.textContent = name;
  }
  await refresh();
  location.hash = "#configuration";
}

document.addEventListener("toggle", ({ target }) => target.open ? suggest(target) : suggestions.delete(target.id), true);
document.getElementById("reload").addEventListener("submit", reload);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
document.addEventListener("refresh", refresh);
setInterval(() => document.hidden || refresh(), REFRESH_MILLISECONDS);
