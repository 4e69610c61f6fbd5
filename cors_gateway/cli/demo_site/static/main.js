// Runs scenarios: makes the calls, asks for explanations, shows both. What is on the screen is made in view.js, the
// calls in call.js; the state is here.

import { perform } from "./call.js";
import { crowd } from "./crowd.js";
import { groups, scenarios } from "./scenarios.js";
import { lane, scenarioList, score, setMark, stage, ways, welcome } from "./view.js";

const PAUSE_BETWEEN_SCENARIOS = 60;
const STRANGER_MILLISECONDS = 10_000; // for its frame to open, and for each of its calls

rememberedTheme();
const site = await (await fetch("/site.json")).json();
const stageArea = document.getElementById("stage");
const strangerArea = document.getElementById("stranger");
const buttonOf = (scenario) => document.getElementById(`run-${scenario.id}`);
const results = new Map();
let shown = null;
const stranger = openStranger();

document.getElementById("here").textContent = site.page;
document.getElementById("admin").href = site.admin;
document.getElementById("yaml").textContent = await (await fetch("/gateway.yaml")).text();
document.getElementById("scenarios").append(...scenarioList(groups, show));
document.getElementById("run-all").addEventListener("click", runAll);
document.getElementById("theme").addEventListener("click", switchTheme);
document.getElementById("crowd").addEventListener("click", runCrowd);
document.addEventListener("keydown", pressKey);
labelThemeButton();
addEventListener("hashchange", showLinked);
present(null, welcome(site, scenarios.length));
document.body.dataset.state = "ready";
showLinked();

// A scenario has an address of its own, to be handed on: /#put.
function showLinked() {
  const scenario = scenarios.find(({ id }) => location.hash === `#${id}`);
  if (scenario && scenario !== shown) show(scenario);
}

async function show(scenario) {
  present(scenario, stage(scenario, (way) => baseOf(way, scenario)));
  history.replaceState(null, "", `#${scenario.id}`);
  scrollToStage();
  const result = await run(scenario);
  if (shown !== scenario) return;
  announce(Object.keys(ways).map((way) => `${ways[way].title}: ${result[way].outcome.readable ? "readable" : "blocked"}.`));
}

async function runAll() {
  document.body.dataset.state = "running";
  await Promise.all(
    scenarios.map(async (scenario, i) => {
      await new Promise((resume) => setTimeout(resume, i * PAUSE_BETWEEN_SCENARIOS));
      await run(scenario);
    }),
  );
  present(null, score(scenarios, results));
  history.replaceState(null, "", location.pathname);
  scrollToStage();
  document.body.dataset.state = "ready";
  announce([stageArea.querySelector(".scores").textContent]);
}

async function runCrowd({ currentTarget: button }) {
  const result = document.getElementById("crowd-result");
  button.disabled = true;
  result.textContent = "…";
  result.textContent = await crowd(site.gateway);
  button.disabled = false;
}

async function run(scenario) {
  const legs = Object.keys(ways).map(async (way) => [way, await runOneWay(way, scenario)]);
  const result = Object.fromEntries(await Promise.all(legs));
  results.set(scenario.id, result);
  return result;
}

async function runOneWay(way, scenario) {
  const button = buttonOf(scenario);
  setMark(button, way, null);
  const id = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const base = baseOf(way, scenario);
  const make = scenario.stranger ? stranger.call : (call) => perform(base, call, id);
  if (scenario.before) await make(scenario.before, base, id, way);
  const outcome = await make(scenario.call, base, id, way);
  const right = scenario.right(outcome);
  const why = await explain(way, scenario, id, outcome);
  setMark(button, way, right);
  const leg = { outcome, why, right };
  if (shown === scenario) fillLane(way, scenario, leg);
  return leg;
}

function fillLane(way, scenario, leg) {
  const article = document.getElementById(`lane-${way}`);
  article.replaceChildren(...lane(way, baseOf(way, scenario), scenario, leg));
  article.dataset.right = leg.right;
}

async function explain(way, scenario, id, outcome) {
  const { method, path, headers, credentials } = scenario.call;
  const response = await fetch("/why", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      id,
      via: way,
      origin: scenario.stranger ? site.stranger : site.page,
      method,
      path,
      headers: headers ?? {},
      credentials: credentials === "include",
      calls: scenario.before ? 2 : 1,
      status: outcome.status,
    }),
  });
  return response.ok ? response.json() : null;
}

function baseOf(way, scenario) {
  if (way === "gateway") return site.gateway;
  return scenario.down ? site.nobody : site.backend;
}

// Where the list stands above the stage, what was asked for would be below the edge of the screen.
function scrollToStage() {
  const main = document.querySelector("main");
  if (main.getBoundingClientRect().top > innerHeight / 2) main.scrollIntoView();
}

// The stranger's frame makes calls from its own origin and posts back what it could read. Without an answer in time the
// call counts as blocked: nothing here waits for a frame for ever.
function openStranger() {
  const frame = document.createElement("iframe");
  frame.title = "A page of another origin";
  frame.src = site.stranger;
  const waiting = new Map();
  const ready = new Promise((resolve) => {
    addEventListener("message", ({ data, origin }) => {
      if (origin !== site.stranger) return;
      if (data.ready) resolve();
      waiting.get(data.id)?.(data.outcome);
      waiting.delete(data.id);
    });
  });
  strangerArea.append(frame);
  ready.then(() => post({ theme: document.documentElement.dataset.theme }));
  const post = (message) => frame.contentWindow.postMessage(message, site.stranger);
  const call = async (spec, base, id, way) => {
    const answered = new Promise((resolve) => waiting.set(id, resolve));
    await Promise.race([ready, tooLate()]);
    post({ call: spec, base, id, way });
    return (await Promise.race([answered, tooLate()])) ?? silent(site.stranger);
  };
  return { call, post };
}

function tooLate() {
  return new Promise((resolve) => setTimeout(resolve, STRANGER_MILLISECONDS));
}

function silent(origin) {
  const error = `The stranger's page at ${origin} does not answer.`;
  return { readable: false, status: null, statusText: "", headers: {}, body: "", error };
}

function present(scenario, content) {
  shown = scenario;
  for (const other of scenarios) buttonOf(other).removeAttribute("aria-current");
  if (scenario !== null) buttonOf(scenario).setAttribute("aria-current", "true");
  strangerArea.hidden = !scenario?.stranger;
  stageArea.replaceChildren(...content);
  scrollTo(0, 0);
}

function announce(sentences) {
  document.getElementById("announcer").textContent = sentences.join(" ");
}

function switchTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // The browser keeps nothing for this page: the choice holds until it is left.
  }
  stranger.post({ theme });
  labelThemeButton();
}

function rememberedTheme() {
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // As above.
  }
}

function labelThemeButton() {
  document.getElementById("theme").textContent = isDark() ? "Light" : "Dark";
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function pressKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key === "a") runAll();
  if (/^\d$/.test(event.key)) show(scenarios[(Number(event.key) + 9) % 10]);
}
