// The graph from far away: boxes without words on a canvas, so that ten thousand of them are drawn at once.

import { PHASES, tint } from "./phase.js";
import { stripOf } from "./scene.js";

const MOST_LINES = 6000;

/** The colours of the theme that is on, by the names that style.css gives them. */
export function readColours() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const found = { line: colour("edge"), frame: colour("frame-line"), surface: colour("surface"), ink: colour("ink"), muted: colour("muted"), accent: colour("accent"), ground: colour("ground"), rule: colour("line"), soft: colour("soft") };
  for (const phase of [...PHASES, "Unknown"]) found[phase] = colour(`p-${phase}`);
  return found;
}

/** The colour of a phase. */
export function colourOf(colours, phase) {
  return colours[tint(phase).slice(2)];
}

/** Make a canvas as sharp as the screen; its context, cleared. */
export function prepare(canvas, width, height) {
  const dots = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * dots) || canvas.height !== Math.round(height * dots)) {
    canvas.width = Math.round(width * dots);
    canvas.height = Math.round(height * dots);
  }
  const context = canvas.getContext("2d");
  context.setTransform(dots, 0, 0, dots, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Draw what can be seen of a scene. */
export function drawOverview(canvas, scene, view, colours, selected) {
  const [width, height] = view.size();
  const context = prepare(canvas, width, height);
  const seen = view.seen();
  const inSight = (box) => box.x < seen.x1 && box.x + box.w > seen.x0 && box.y < seen.y1 && box.y + box.h > seen.y0;
  context.translate(view.x, view.y);
  context.scale(view.k, view.k);
  drawFrames(context, scene.frames.filter(inSight), view, colours);
  drawLines(context, scene, seen, view, colours);
  drawCards(context, scene.cards.filter(inSight), view, colours);
  const chosen = selected && scene.byKey.get(selected);
  if (chosen) {
    const border = 4 / view.k;
    context.strokeStyle = colours.accent;
    context.lineWidth = 2.5 / view.k;
    context.strokeRect(chosen.x - border, chosen.y - border, chosen.w + 2 * border, chosen.h + 2 * border);
  }
}

function drawFrames(context, frames, view, colours) {
  context.strokeStyle = colours.frame;
  context.lineWidth = 1 / view.k;
  context.fillStyle = colours.soft;
  for (const { x, y, w, h } of frames) {
    context.fillRect(x, y, w, h);
    context.strokeRect(x, y, w, h);
  }
}

function drawLines(context, scene, seen, view, colours) {
  const found = scene.lines.filter((line) => line.x0 < seen.x1 && line.x1 > seen.x0 && line.y0 < seen.y1 && line.y1 > seen.y0);
  const every = Math.ceil(found.length / MOST_LINES);
  context.strokeStyle = colours.line;
  context.lineWidth = Math.max(0.7, 0.6 / view.k);
  context.globalAlpha = found.length > 1500 ? 0.35 : 0.8;
  context.beginPath();
  for (let at = 0; at < found.length; at += every) {
    const { points } = found[at];
    context.moveTo(points[0][0], points[0][1]);
    for (let i = 1; i < points.length; i++) context.lineTo(points[i][0], points[i][1]);
  }
  context.stroke();
  context.globalAlpha = 1;
}

function drawCards(context, cards, view, colours) {
  const byColour = new Map();
  const small = view.k < 0.12;
  for (const item of cards) {
    const colour = colourOf(colours, item.call.phase);
    if (!byColour.has(colour)) byColour.set(colour, []);
    byColour.get(colour).push(item);
  }
  for (const [colour, items] of byColour) {
    context.fillStyle = colour;
    context.globalAlpha = 0.9;
    for (const { x, y, w, h, call } of items) if (small || call.kind !== "loop") context.fillRect(x, y, w, h);
  }
  context.globalAlpha = 1;
  if (small) return;
  for (const item of cards) if (item.call.kind === "loop") drawLoop(context, item, colours);
}

function drawLoop(context, { x, y, w, h, call }, colours) {
  context.fillStyle = colours.surface;
  context.fillRect(x, y, w, h);
  const strip = stripOf(call);
  for (let at = 0; at < strip.digits.length; at++) {
    context.fillStyle = colourOf(colours, PHASES[Number(strip.digits[at])] ?? "Pending");
    const row = Math.floor(at / strip.columns);
    context.fillRect(x + 12 + (at % strip.columns) * strip.w, y + 47 + row * strip.h, strip.w * 0.85, strip.h - 1);
  }
}
