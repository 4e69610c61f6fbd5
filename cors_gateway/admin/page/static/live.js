// Watches requests as they happen: opens a stream when somebody asks for it, and closes it when nobody looks any more.

const MAX_SHOWN = 200;

const form = document.getElementById("live-form");
const button = document.getElementById("watch");
const list = document.getElementById("events");
const note = document.getElementById("watching");
let source = null;

function start() {
  const query = new URLSearchParams();
  for (const name of ["origin", "route"]) {
    const value = form.elements[name].value.trim();
    if (value) query.set(name, value);
  }
  source = new EventSource(`/watch?${query}`);
  source.addEventListener("watching", () => say("Watching. What happens comes here, the newest first."));
  source.addEventListener("lost", ({ data }) => say(`${data} more were lost: they come faster than they are read.`));
  source.addEventListener("message", ({ data }) => show(JSON.parse(data)));
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return say("The gateway is gone; trying again.");
    stop();
    say("The gateway does not let you watch: too many do, or the route is gone.");
  });
  button.textContent = "Stop watching";
  say("Connecting …");
}

function stop() {
  source.close();
  source = null;
  button.textContent = "Watch";
  say("");
}

function say(text) {
  note.textContent = text;
}

function show(entry) {
  const { kind, outcome, reason } = entry.cors;
  const item = element("li", "");
  const isBad = entry.status >= 500;
  const mark = isBad ? "bad" : outcome === "refused" || entry.status >= 400 ? "warn" : "good";
  const asked = entry.asked ? `asked ${[entry.asked.method, entry.asked.headers].filter(Boolean).join(" with ")}` : "";
  const decision = outcome === "none" ? reason : `${kind} ${outcome}: ${reason}`;
  item.append(
    element("time", new Date(entry.ts).toLocaleTimeString()),
    element("span", String(entry.status), `pill ${mark}`),
    element("code", `${entry.method} ${entry.host}${entry.path}`),
    element("span", [entry.origin ? `from ${entry.origin}` : "", entry.route === "_none" ? "" : `on ${entry.route}`].filter(Boolean).join(" ")),
    element("strong", [decision, asked, entry.cause ?? entry.failure, entry.detail].filter(Boolean).join(" · ")),
  );
  list.prepend(item);
  if (list.children.length > MAX_SHOWN) list.lastElementChild.remove();
}

function element(name, text, kind = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

async function diagnose(event) {
  event.preventDefault();
  const response = await fetch("/diagnoses", { method: "POST", body: new URLSearchParams(new FormData(event.target)) });
  say(response.ok ? "" : (await response.json()).detail);
  if (event.target !== form) document.activeElement?.blur(); // what has the focus is not redrawn
  document.dispatchEvent(new Event("refresh"));
}

button.addEventListener("click", () => (source === null ? start() : stop()));
document.getElementById("live").addEventListener("submit", diagnose);
addEventListener("pagehide", () => source !== null && stop());
