// Drawing the timeline: the axis, the bars, and the critical path.

import { duration, line } from "./format.js";
import { colourOf, prepare } from "./overview.js";
import { isFinal } from "./phase.js";

const FONT = "12px system-ui, sans-serif";

/** Draw all that can be seen. */
export function drawTimeline(canvas, state) {
  const context = prepare(canvas, state.width, state.height);
  context.font = FONT;
  context.textBaseline = "middle";
  drawGround(context, state);
  const chain = [];
  state.lanes.forEach((rows, at) => {
    const y = state.laneTop(at);
    if (y > state.height || y + state.lane < state.top) return;
    for (const row of rows) drawBar(context, state, row, y, chain);
  });
  drawWaits(context, state, chain);
  drawAxis(context, state);
}

function toX(state, time) {
  return state.x + (time - state.t0) * state.scale;
}

function drawGround(context, state) {
  const { colours, width, height, chain, lane } = state;
  if (chain) {
    context.fillStyle = colours.soft;
    context.fillRect(0, state.laneTop(0) - 5, width, chain * lane + 8);
  }
  context.strokeStyle = colours.rule;
  context.lineWidth = 1;
  context.beginPath();
  for (const [x] of ticks(state)) {
    context.moveTo(Math.round(x) + 0.5, state.top);
    context.lineTo(Math.round(x) + 0.5, height);
  }
  context.stroke();
}

function ticks(state) {
  const found = [];
  const first = Math.max(0, Math.floor(-state.x / state.scale / state.step));
  for (let at = first; found.length < 60; at++) {
    const x = state.x + at * state.step * state.scale;
    if (x > state.width) break;
    found.push([x, at * state.step]);
  }
  return found;
}

function drawAxis(context, state) {
  const { colours, width, top } = state;
  context.fillStyle = colours.ground;
  context.fillRect(0, 0, width, top);
  context.strokeStyle = colours.rule;
  context.beginPath();
  context.moveTo(0, top + 0.5);
  context.lineTo(width, top + 0.5);
  context.stroke();
  context.fillStyle = colours.muted;
  for (const [x, seconds] of ticks(state)) context.fillText(seconds ? duration(seconds) : "0", x + 5, top / 2 + 1);
}

function drawBar(context, state, row, y, chain) {
  const { colours, lane, width } = state;
  const from = toX(state, row.started);
  const to = Math.max(from + 2, toX(state, state.endOf(row)) - (state.scale > 20 ? 1 : 0));
  if (row.critical) chain.push([from, to, y]);
  if (to < 0 || from > width) return;
  const [x, w] = [Math.max(-4, from), Math.min(width + 4, to) - Math.max(-4, from)];
  const height = lane - 5;
  const colour = colourOf(colours, row.phase);
  context.beginPath();
  context.roundRect(x, y, w, height, Math.min(3.5, w / 2));
  context.fillStyle = colour;
  context.globalAlpha = row.critical ? 0.95 : 0.5;
  context.fill();
  context.globalAlpha = 1;
  if (row.id === state.node || row === state.hover) {
    context.strokeStyle = row.id === state.node ? colours.accent : colours.ink;
    context.lineWidth = row.id === state.node ? 2.5 : 1.2;
    context.stroke();
  }
  if (!isFinal(row.phase)) drawOpenEnd(context, to, y, height, colour);
  if (w > 46) drawWords(context, state, row, [x, w, y + height / 2 + 0.5]);
}

/** A bar that goes on has an end that fades. */
function drawOpenEnd(context, to, y, height, colour) {
  const fade = context.createLinearGradient(to, 0, to + 16, 0);
  fade.addColorStop(0, colour);
  fade.addColorStop(1, "transparent");
  context.fillStyle = fade;
  context.globalAlpha = 0.5;
  context.fillRect(to, y, 16, height);
  context.globalAlpha = 1;
}

function drawWords(context, state, row, [x, w, y]) {
  context.save();
  context.beginPath();
  context.rect(x, y - 12, w - 5, 24);
  context.clip();
  context.fillStyle = row.critical ? state.colours.surface : state.colours.ink;
  context.fillText(line(row.title), Math.max(x, 0) + 6, y);
  context.restore();
}

/** The time between the links of the chain: waiting. */
function drawWaits(context, state, chain) {
  const links = chain.sort((a, b) => a[0] - b[0]);
  context.strokeStyle = state.colours.muted;
  context.lineWidth = 1;
  context.setLineDash([3, 3]);
  context.beginPath();
  for (let at = 1; at < links.length; at++) {
    const [from, to] = [links[at - 1], links[at]];
    const y = to[2] + (state.lane - 5) / 2;
    if (to[0] - from[1] > 3) {
      context.moveTo(from[1] + 1, y);
      context.lineTo(to[0] - 1, y);
    }
  }
  context.stroke();
  context.setLineDash([]);
}
