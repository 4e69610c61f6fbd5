// The uninvited page: makes the calls that the stage asks for, from its own origin, and reports what it could read.
// Only the demo's page can embed it (frame-ancestors), so only that page can ask.

import { perform } from "./call.js";

document.getElementById("here").textContent = location.origin;

addEventListener("message", async ({ data, source, origin }) => {
  if (source !== parent) return;
  if (data.theme) document.documentElement.dataset.theme = data.theme;
  if (!data.call) return;
  const outcome = await perform(data.base, data.call, data.id);
  document.getElementById(`loot-${data.way}`).textContent = outcome.readable ? outcome.body : "nothing";
  source.postMessage({ id: data.id, outcome }, origin);
});

parent.postMessage({ ready: true }, "*");
