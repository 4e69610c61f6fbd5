// Draws where a call went: lifelines for the browser, the gateway and the backend, and an arrow for each message, lit in
// the order in which they happened. messages() turns an explanation into arrows, draw() turns arrows into SVG.

const NAMESPACE = "http://www.w3.org/2000/svg";
const WIDTH = 440;
const TOP = 40;
const ROW = 32;

// Arrows as {row, from, to, label, kind}. The kind is "asks", "answers", "withheld" (it came back, and the browser keeps
// it from the script), "lost" (it never arrived) or "unsent".
export function messages(why, method) {
  const arrows = [];
  let row = 0;
  for (const step of why.steps) {
    const label = step.kind === "preflight" ? "OPTIONS" : method;
    const answer = { row: row + 1, to: "browser", label: String(step.status ?? ""), kind: step.fault ? "withheld" : "answers" };
    if (step.answered_by === "cache") {
      arrows.push({ row, from: "browser", to: "browser", label: `${label}, answered by the cache`, kind: answer.kind });
    } else if (step.answered_by === "nobody") {
      arrows.push({ row, from: "browser", to: "backend", label, kind: "lost" });
    } else if (why.reason === null || step.kind === "preflight") {
      arrows.push({ row, from: "browser", to: step.answered_by, label, kind: "asks" }, { ...answer, from: step.answered_by });
    } else {
      arrows.push({ row, from: "browser", to: "gateway", label, kind: "asks" });
      if (step.answered_by === "backend") {
        arrows.push({ row, from: "gateway", to: "backend", label, kind: "asks" });
        arrows.push({ row: row + 1, from: "backend", to: "gateway", label: answer.label, kind: "answers" });
      } else {
        arrows.push({ row, from: "gateway", to: "backend", label, kind: step.reached_backend ? "asks" : "lost" });
      }
      arrows.push({ ...answer, from: "gateway" });
    }
    row += 2;
  }
  if (why.steps.at(-1).kind === "preflight") {
    arrows.push({ row, from: "browser", to: "backend", label: `${method} is never sent`, kind: "unsent" });
  }
  return arrows;
}

export function draw(places, arrows) {
  const x = Object.fromEntries(places.map((place, i) => [place, 52 + (i * (WIDTH - 104)) / (places.length - 1)]));
  const height = TOP + ROW * (1 + Math.max(1, ...arrows.map(({ row }) => row))) + 12;
  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: "diagram", role: "img" });
  svg.append(element("title", {}, describe(arrows)));
  const visited = new Set(["browser", ...arrows.filter(({ kind }) => kind === "asks").map(({ to }) => to)]);
  for (const place of places) {
    const lit = visited.has(place) ? "place lit" : "place";
    svg.append(
      element("line", { class: lit, x1: x[place], x2: x[place], y1: 30, y2: height }),
      element("rect", { class: lit, x: x[place] - 48, y: 1, width: 96, height: 29, rx: 9 }),
      element("text", { class: lit, x: x[place], y: 20 }, place),
    );
  }
  arrows.forEach((arrow, turn) => {
    const group = element("g", { class: `arrow ${arrow.kind}${arrow.to === "browser" ? " home" : ""}` });
    group.style.setProperty("--turn", turn);
    group.append(...shape(x[arrow.from], x[arrow.to], TOP + ROW * (arrow.row + 0.65), arrow));
    svg.append(group);
  });
  return svg;
}

// The whole demo at a glance: two pages in one browser, two ways to the backend.
export function map(site) {
  const svg = element("svg", { viewBox: "0 0 960 300", class: "map", role: "img" });
  svg.append(
    element("title", {}, "Two pages in one browser; calls go straight to the backend, or through the gateway"),
    element("rect", { class: "browser", x: 1, y: 40, width: 332, height: 259, rx: 18 }),
    element("text", { class: "faint", x: 24, y: 26 }, "this browser"),
    element("path", { class: "way straight", d: "M311 92 C450 10 700 10 822 128" }),
    element("text", { class: "faint", x: 600, y: 26 }, "straight to the backend"),
    element("path", { class: "way", d: "M311 118 C350 118 366 170 397 170 M629 170 H716" }),
    element("path", { class: "way stopped", d: "M311 246 C350 246 366 200 397 200" }),
  );
  const boxes = [
    [24, 62, 286, "page", site.page, "the one origin that the policy names"],
    [24, 190, 286, "stranger", site.stranger, "a page that nobody invited"],
    [404, 138, 224, "gateway", site.gateway, "enforces the policy"],
    [723, 138, 236, "backend", site.backend, "gets CORS wrong on purpose"],
  ];
  for (const [x, y, width, name, origin, text] of boxes) {
    svg.append(
      element("rect", { class: `box ${name}`, x, y, width, height: 90, rx: 14 }),
      element("text", { class: "name", x: x + 16, y: y + 30 }, name),
      element("text", { class: "origin", x: x + 16, y: y + 53 }, origin),
      element("text", { class: "faint", x: x + 16, y: y + 75 }, text),
    );
  }
  const tips = [["tip", element("path", { d: "M824 117 V130 H811" })], ["", tip(398, 170, 1)], ["", tip(717, 170, 1)], ["stopped", cross(392, 200)]];
  for (const [name, path] of tips) path.setAttribute("class", `way ${name}`);
  svg.append(...tips.map(([, path]) => path));
  return svg;
}

function shape(from, to, y, { label, kind }) {
  if (from === to) {
    return [
      element("path", { d: `M${from} ${y - 9} h26 a9 9 0 0 1 0 18 h-10`, pathLength: 1 }),
      ...(kind === "withheld" ? [cross(from + 8, y + 9)] : [tip(from + 3, y + 9, -1)]),
      element("text", { class: "beside", x: from + 46, y: y + 5 }, label),
    ];
  }
  const way = Math.sign(to - from);
  const caption = element("text", { x: (from + to) / 2, y: y - 7 }, label);
  if (kind === "lost" || kind === "withheld") {
    const stop = to - way * 14;
    return [element("path", { d: `M${from} ${y} H${stop - way * 8}`, pathLength: 1 }), cross(stop, y), caption];
  }
  return [element("path", { d: `M${from} ${y} H${to - way * 3}`, pathLength: 1 }), tip(to - way * 3, y, way), caption];
}

function tip(x, y, way) {
  return element("path", { d: `M${x - way * 8} ${y - 6} L${x} ${y} l${-way * 8} 6` });
}

function cross(x, y) {
  return element("path", { d: `M${x - 6} ${y - 6} l12 12 m0 -12 l-12 12` });
}

function describe(arrows) {
  const words = { asks: "to", answers: "to", withheld: "to", lost: "not reaching", unsent: "to" };
  const ends = { withheld: ", withheld from the script" };
  return arrows.map(({ from, to, label, kind }) => `${label}: ${from} ${words[kind]} ${to}${ends[kind] ?? ""}`).join("; ");
}

function element(name, attributes, text) {
  const node = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}
