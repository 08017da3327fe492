// One card of the graph, as SVG: a step, a group that is folded, or a loop with its strip.

import { svg } from "./dom.js";
import { count, duration, line, now } from "./format.js";
import { PHASES, countsInWords, icon, isFinal, progress, tint } from "./phase.js";
import { stripOf } from "./scene.js";

const FONTS = { title: "500 13px system-ui, sans-serif", small: "11.5px system-ui, sans-serif" };
const measuring = document.createElement("canvas").getContext("2d");
const fitted = new Map();

/** As much of a text as has room, by the real widths of its letters. */
export function fit(text, width, font) {
  const shown = line(text);
  const key = `${font} ${width} ${shown}`;
  if (fitted.has(key)) return fitted.get(key);
  if (fitted.size > 5000) fitted.clear();
  measuring.font = FONTS[font];
  let result = shown;
  if (measuring.measureText(shown).width > width) {
    let [low, high] = [0, shown.length];
    while (low < high) {
      const half = (low + high + 1) >> 1;
      if (measuring.measureText(`${shown.slice(0, half)}…`).width <= width) low = half;
      else high = half - 1;
    }
    result = `${shown.slice(0, low)}…`;
  }
  fitted.set(key, result);
  return result;
}

/** What a card shows, as one text: it is drawn again only when that is another one. */
export function signature(call, isOpening) {
  return `${call.phase}|${call.title}|${call.key ?? ""}|${call.message ?? ""}|${call.note ?? ""}|${call.started}|${call.finished}|${call.strip ?? ""}|${call.expected ?? ""}|${countsInWords(call.counts)}|${call.id}|${isOpening}`;
}

/** What a screen reader says, and the tooltip. */
export function describe(call) {
  const parts = [line(call.title), call.phase];
  if (call.kind === "loop" || call.kind === "group") parts.push(countsInWords(call.counts));
  if (call.key) parts.push(`key ${line(call.key)}`);
  if (call.note) parts.push(line(call.note));
  if (call.message) parts.push(line(call.message).slice(0, 300));
  return parts.filter(Boolean).join(", ");
}

/** Draw a card at its place; `data-key` says which one it is. */
export function drawCard(item, isOpening = false) {
  const { call, w, h } = item;
  const g = svg("g", { class: `card ${tint(call.phase)} k-${call.kind}${call.id || call.kind === "loop" ? "" : " planned"}`, transform: `translate(${item.x} ${item.y})`, role: "button", tabindex: -1, "aria-label": describe(call) });
  g.dataset.call = call.call;
  if (call.kind === "group" || call.kind === "loop") g.append(svg("rect", { class: "under", x: 4, y: 4, width: w, height: h, rx: 7 }));
  g.append(svg("title", { text: describe(call) }), svg("rect", { class: "body", width: w, height: h, rx: 7 }));
  g.append(svg("rect", { class: "edge", x: 0, y: 9, width: 3.5, height: h - 18, rx: 1.7 }));
  const image = icon(call.phase, { kind: call.kind });
  image.setAttribute("x", 12);
  image.setAttribute("y", 10);
  const canOpen = call.kind === "group" && (call.inside?.calls.length || call.id);
  const room = w - 38 - (canOpen ? 30 : 12);
  g.append(image, svg("text", { class: "title", x: 36, y: 22.5, text: fit(call.title, room, "title") }));
  if (call.kind === "loop") drawLoop(g, call, w);
  else drawSmall(g, call, room, h);
  if (canOpen) g.append(opener(w, isOpening));
  return g;
}

function drawSmall(g, call, room, h) {
  const ran = call.started !== null && call.started !== undefined;
  const goes = ran && !call.finished && !isFinal(call.phase);
  const words = call.kind === "group" ? groupWords(call) : call.message || call.note || (call.key ? `key ${call.key}` : "");
  const time = ran ? duration((call.finished ?? now()) - call.started) : "";
  const shownTime = goes || call.finished ? time : "";
  const text = svg("text", { class: "small", x: 36, y: 39.5 });
  if (shownTime) {
    const span = svg("tspan", { class: "time", text: shownTime });
    if (goes) span.dataset.since = call.started;
    text.append(span);
  }
  const rest = words || (ran || isFinal(call.phase) ? "" : "not begun");
  if (rest) text.append(svg("tspan", { class: call.message && !goes ? "words message" : "words", text: (shownTime ? "  ·  " : "") + fit(rest, room - (shownTime ? 16 + 6.6 * shownTime.length : 0), "small") }));
  g.append(text);
  if (call.kind === "group") drawBar(g, call, CARD_BAR(h));
}

const CARD_BAR = (h) => ({ x: 8, y: h - 4.5, w: 204 });

function groupWords(call) {
  const { done, total } = progress(call.counts);
  return total ? `${count(done)} of ${count(total)}${call.counts.Failed ? `, ${call.counts.Failed} failed` : ""}` : call.message || call.note || "";
}

function drawBar(g, call, { x, y, w }) {
  const { total } = progress(call.counts);
  if (!total) return;
  let from = x;
  for (const phase of ["Failed", "Error", "Succeeded", "Skipped", "Omitted", "Running"]) {
    const part = (w * (call.counts[phase] ?? 0)) / total;
    if (part) g.append(svg("rect", { class: `bar ${tint(phase)}`, x: from, y, width: part, height: 2.5 }));
    from += part;
  }
}

function drawLoop(g, call, w) {
  const { done, total } = progress(call.counts, call.expected);
  const failed = (call.counts?.Failed ?? 0) + (call.counts?.Error ?? 0);
  const running = call.counts?.Running ?? 0;
  const text = svg("text", { class: "small", x: 36, y: 39.5 });
  const ended = total ? `${count(done)} of ${count(total)}` : call.phase === "Pending" ? "not begun" : line(call.message);
  text.append(svg("tspan", { text: ended }));
  if (running) text.append(svg("tspan", { class: "p-Running ink", text: `  ·  ${count(running)} running` }));
  if (failed) text.append(svg("tspan", { class: "p-Failed ink", text: `  ·  ${count(failed)} failed` }));
  if (total) g.append(svg("text", { class: "times", x: w - 12, y: 22.5, text: `×${count(total)}` }));
  g.append(text, ...drawStrip(call));
}

/** The cells of a loop, one path for each phase: at most eight elements, however many copies there are. */
function drawStrip(call) {
  const strip = stripOf(call);
  const paths = new Map();
  const gap = strip.w > 4 ? 1 : 0.4;
  for (let at = 0; at < strip.digits.length; at++) {
    const phase = PHASES[Number(strip.digits[at])] ?? "Pending";
    const x = 12 + (at % strip.columns) * strip.w;
    const y = 47 + Math.floor(at / strip.columns) * strip.h;
    paths.set(phase, `${paths.get(phase) ?? ""}M${x.toFixed(2)} ${y}h${(strip.w - gap).toFixed(2)}v${strip.h - 1}h-${(strip.w - gap).toFixed(2)}z`);
  }
  return [...paths].map(([phase, d]) => svg("path", { class: `cell ${tint(phase)}`, d }));
}

function opener(w, isOpening) {
  const g = svg("g", { class: isOpening ? "opener busy" : "opener", transform: `translate(${w - 29} 8)` });
  g.dataset.opens = "1";
  g.append(svg("title", { text: "Open this group" }), svg("rect", { width: 20, height: 20, rx: 5 }), svg("path", { d: "M10 5.5v9M5.5 10h9" }));
  return g;
}

/** The frame around an open group. */
export function drawFrame(item) {
  const { call, w, h } = item;
  const g = svg("g", { class: `frame ${tint(call.phase)} d${item.depth % 2}`, transform: `translate(${item.x} ${item.y})`, role: "group", "aria-label": describe(call) });
  const image = icon(call.phase, { side: 14 });
  image.setAttribute("x", 12);
  image.setAttribute("y", 11);
  const words = [groupWords(call), call.finished && call.started ? duration(call.finished - call.started) : ""].filter(Boolean).join("  ·  ");
  const room = Math.max(40, w - 80);
  const title = fit(call.title, room, "title");
  const text = svg("text", { class: "title", x: 33, y: 22.5, tabindex: -1, role: "button", text: title });
  text.dataset.select = "1";
  measuring.font = FONTS.title;
  const used = measuring.measureText(title).width;
  if (room - used > 60) text.append(svg("tspan", { class: "small", dx: 10, text: fit(words, room - used - 12, "small") }));
  const fold = svg("g", { class: "opener", transform: `translate(${w - 29} 8)` });
  fold.dataset.opens = "1";
  fold.append(svg("title", { text: "Fold this group" }), svg("rect", { width: 20, height: 20, rx: 5 }), svg("path", { d: "M5.5 10h9" }));
  g.append(svg("rect", { class: "body", width: w, height: h, rx: 9 }), image, text, fold);
  return g;
}

