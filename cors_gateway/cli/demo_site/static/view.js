// Turns scenarios, outcomes and explanations into what is on the screen. Knows no network and keeps no state.

import { source } from "./call.js";
import { draw, map, messages } from "./diagram.js";

export const ways = {
  backend: { title: "Straight to the backend", places: ["browser", "backend"] },
  gateway: { title: "Through the gateway", places: ["browser", "gateway", "backend"] },
};

export function scenarioList(groups, onPress) {
  let number = 0;
  return groups.map(({ title, scenarios }) =>
    h("section", {}, [
      h("h2", {}, title),
      ...scenarios.map((scenario) => {
        const key = ++number % 10;
        const button = h("button", { type: "button", id: `run-${scenario.id}`, class: "scenario" }, [
          h("kbd", { "aria-hidden": "true" }, String(key)),
          h("span", { class: "name" }, scenario.title),
          mark("backend"),
          mark("gateway"),
        ]);
        button.addEventListener("click", () => onPress(scenario));
        return button;
      }),
    ]),
  );
}

export function welcome(site, count) {
  return [
    h("h1", {}, "One backend, two ways to call it"),
    h("p", { class: "lede" }, "Every scenario makes the same call twice from this browser: straight to the backend, and through the gateway in front of it. You see what the browser lets the script read, and why."),
    map(site),
    h("p", { class: "hint" }, ["Press ", h("kbd", {}, "A"), ` to run all ${count}, or a number to run one.`]),
  ];
}

export function score(scenarios, results) {
  const right = (way) => scenarios.filter(({ id }) => results.get(id)[way].right).length;
  const cell = ({ outcome, right }) => h("td", { class: right ? "good" : "bad" }, `${right ? "✓" : "✗"} ${verdict(outcome)}`);
  return [
    h("h1", {}, "Same calls, same backend"),
    h("div", { class: "scores" }, Object.entries(ways).map(([way, { title }]) =>
      h("div", { class: right(way) === scenarios.length ? "score good" : "score bad", id: `score-${way}` }, [
        h("strong", {}, String(right(way))),
        h("span", {}, ` of ${scenarios.length} as wanted`),
        h("p", {}, title),
      ]),
    )),
    h("table", { class: "sheet" }, [
      h("tr", {}, ["What the script saw", ...Object.values(ways).map(({ title }) => title)].map((text) => h("th", { scope: "col" }, text))),
      ...scenarios.map(({ id, title }) => h("tr", {}, [
        h("th", { scope: "row" }, title),
        ...Object.keys(ways).map((way) => cell(results.get(id)[way])),
      ])),
    ]),
  ];
}

export function stage(scenario, baseOf) {
  const { before, call } = scenario;
  const code = [before && source(before), source(call)].filter(Boolean).join("\n");
  return [
    h("div", { class: "scene" }, [
      h("div", {}, [
        h("h1", {}, [scenario.title, h("a", { href: `#${scenario.id}`, class: "link", "aria-label": "Link to this scenario" })]),
        h("p", { class: "lede" }, scenario.lede),
        h("p", { class: "wanted" }, [h("b", {}, "Wanted: "), scenario.wanted]),
      ]),
      h("pre", { class: "script" }, [h("code", {}, code)]),
    ]),
    h("div", { class: "lanes" }, Object.keys(ways).map((way) => h("article", { class: "lane", id: `lane-${way}` }, laneHeader(way, baseOf(way), "calling …", "pill")))),
  ];
}

export function lane(way, base, scenario, { outcome, why, right }) {
  const steps = why === null ? [] : [h("ol", { class: "steps" }, why.steps.map((step) => stepItem(step, why)))];
  return [
    laneHeader(way, base, outcome.readable ? "readable" : "blocked", right ? "pill good" : "pill bad"),
    ...(why === null ? [] : [draw(ways[way].places, messages(why, scenario.call.method))]),
    h("div", { class: "seen" }, [
      h("h3", {}, "The script sees"),
      h("p", { class: "verdict" }, verdict(outcome)),
      ...(outcome.readable ? [h("pre", { class: "body" }, outcome.body), headerList(scenario, outcome)] : []),
    ]),
    h("div", { class: "why" }, why === null ? [h("p", { class: "doubt" }, "The explanation could not be fetched.")] : [
      h("h3", {}, ["Why", why.reason && h("code", { class: "reason" }, why.reason)]),
      h("p", { class: "sentence" }, why.sentence),
      ...(why.advice ? [h("p", { class: "advice" }, why.advice)] : []),
      ...(why.readable === outcome.readable ? [] : [h("p", { class: "doubt" }, "The browser came to another verdict than this explanation. Does the gateway run with another configuration?")]),
    ]),
    ...steps,
  ];
}

export function setMark(button, way, right) {
  const node = button.querySelector(`.mark.${way}`);
  node.className = `mark ${way} ${right === null ? "waiting" : right ? "good" : "bad"}`;
  node.textContent = right === null ? "…" : right ? "✓" : "✗";
  node.title = right === null ? "" : `${ways[way].title}: ${right ? "as it should be" : "not as it should be"}`;
}

function laneHeader(way, base, state, look) {
  return h("header", {}, [
    h("div", {}, [h("h2", {}, ways[way].title), h("code", {}, base)]),
    h("span", { class: look }, state),
  ]);
}

function verdict({ readable, status, statusText, error }) {
  return readable ? `${status} ${statusText}` : error;
}

function mark(way) {
  return h("span", { class: `mark ${way}` }, "");
}

function headerList(scenario, { headers }) {
  const asked = scenario.asksFor ?? [];
  const shown = Object.entries(headers).filter(([name]) => !asked.some((other) => other.toLowerCase() === name));
  return h("ul", { class: "headers" }, [
    ...asked.map((name) => {
      const value = headers[name.toLowerCase()] ?? null;
      return h("li", { class: value === null ? "absent" : "asked" }, [h("code", {}, `${name}: ${value}`)]);
    }),
    ...shown.map(([name, value]) => h("li", {}, [h("code", {}, `${name}: ${value}`)])),
  ]);
}

function stepItem(step, why) {
  const preflight = step.kind === "preflight";
  const asked = preflight ? ` because ${why.causes.join(" and ")}` : "";
  const answer = step.status === null ? "no answer" : `${step.status} from the ${step.answered_by}`;
  return h("li", {}, [
    h("h3", {}, [preflight ? "Preflight" : "Call", h("span", {}, asked || (why.causes.length ? "" : " sent at once, no preflight"))]),
    h("div", { class: "wire" }, [
      h("pre", {}, step.request.join("\n")),
      h("pre", {}, [
        h("span", { class: step.fault ? "status fails" : "status" }, `${answer}\n`),
        ...step.lines.map(([sign, line]) => headerLine(sign, line)),
      ]),
    ]),
  ]);
}

function headerLine(sign, line) {
  if (sign === "-") return h("del", {}, `${line}\n`);
  return sign === "+" ? h("ins", {}, `${line}\n`) : h("span", {}, `${line}\n`);
}

// Text always becomes a text node: what a server sent is never taken for markup.
export function h(name, attributes, children = []) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  for (const child of [children].flat()) if (child) node.append(child);
  return node;
}
