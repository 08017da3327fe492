// Phases: their order, symbols and words. A symbol has a shape of its own, so that colour is never all there is.

import { svg } from "./dom.js";

/** The digits of a strip mean these. */
export const PHASES = ["Pending", "Running", "Succeeded", "Skipped", "Omitted", "Failed", "Error", "Terminated"];

/** What a person has to see first, first. */
export const BY_WEIGHT = ["Error", "Failed", "Terminated", "Running", "Pending", "Succeeded", "Skipped", "Omitted"];

const RING = "M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 1 1 0-12.5z";

const SYMBOLS = {
  Pending: { line: `${RING}M8 4.7V8l2.2 1.5` },
  Running: { faint: RING, turning: "M8 1.75a6.25 6.25 0 0 1 6.25 6.25" },
  Waiting: { fill: RING, glyph: "M6.3 5.4v5.2M9.7 5.4v5.2" },
  Succeeded: { fill: RING, glyph: "M5 8.3 7.2 10.4 11.1 5.9" },
  Skipped: { line: `${RING}M5.6 5.5 8 8l-2.4 2.5M8.6 5.5 11 8l-2.4 2.5` },
  Omitted: { line: `${RING}M5.2 8h5.6` },
  Failed: { fill: RING, glyph: "M5.7 5.7l4.6 4.6M10.3 5.7l-4.6 4.6" },
  Error: { fill: "M8 1.2 15.2 14.2H.8z", glyph: "M8 5.8v3.9M8 11.6v.7" },
  Terminated: { fill: "M2.6 2.6h10.8v10.8H2.6z", glyph: "M5.9 5.9h4.2v4.2H5.9z" },
};

const UNKNOWN = { line: `${RING}M6.3 6.4a1.7 1.7 0 1 1 1.7 1.9v.9M8 11v.4` };

/** Whether a phase is the last one. */
export function isFinal(phase) {
  return phase !== "Pending" && phase !== "Running";
}

/** The class that gives the colour. */
export function tint(phase) {
  return Object.hasOwn(SYMBOLS, phase) ? `p-${phase}` : "p-Unknown";
}

/** The symbol: an SVG element of 16 × 16, or of another size; named for screen readers only when nothing beside it is. */
export function icon(phase, { label = false, side = 16, kind = "" } = {}) {
  const shown = kind === "suspend" && phase === "Running" ? "Waiting" : phase;
  const parts = Object.hasOwn(SYMBOLS, shown) ? SYMBOLS[shown] : UNKNOWN;
  const words = label ? { role: "img", "aria-label": phase } : { "aria-hidden": "true" };
  const image = svg("svg", { viewBox: "0 0 16 16", width: side, height: side, class: `icon ${tint(shown)}`, ...words });
  for (const [name, path] of Object.entries(parts)) image.append(svg("path", { class: `i-${name}`, d: path }));
  return image;
}

/** Counts in words: `3 failed, 12 running, 400 succeeded`. */
export function countsInWords(counts) {
  const parts = BY_WEIGHT.filter((phase) => counts?.[phase]).map((phase) => `${counts[phase]} ${phase.toLowerCase()}`);
  return parts.join(", ");
}

/** How many of these have ended, and how many there are. */
export function progress(counts, expected = 0) {
  let done = 0;
  let all = 0;
  for (const [phase, number] of Object.entries(counts ?? {})) {
    all += number;
    if (isFinal(phase)) done += number;
  }
  return { done, total: Math.max(all, expected || 0) };
}
