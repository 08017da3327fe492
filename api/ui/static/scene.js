// From the groups and calls of a run to boxes, frames and lines with places.

import { layOut } from "./layout.js";

export const CARD = { w: 220, h: 50 };
const LOOP_W = 262;
const FRAME = { side: 18, top: 38, bottom: 18 };
const CELLS = { row: 50, most: 400, width: 238 };
const MOST_OPEN = 90;

/** The key of a call: the path of names to it. It stays the same while phases change. */
export function keyOf(parent, call) {
  return `${parent}\u0000${call.call}`;
}

/**
 * Open groups that were not there before: outer ones before inner ones, until there is a screen full.
 *
 * @param open keys of open groups; new ones are added
 * @param known keys of groups that were there before; new ones are added
 */
export function openNew(root, open, known) {
  let cards = root.calls.length;
  const waiting = [[root, root.id]];
  for (let at = 0; at < waiting.length; at++) {
    const [group, key] = waiting[at];
    for (const call of group.calls) {
      if (call.kind !== "group" || !call.inside?.calls.length) continue;
      const mine = keyOf(key, call);
      if (!known.has(mine) && cards + call.inside.calls.length <= MOST_OPEN) open.add(mine);
      known.add(mine);
      if (!open.has(mine)) continue;
      cards += call.inside.calls.length;
      waiting.push([call.inside, mine]);
    }
  }
}

/** The cells of a loop's strip: as many digits as there are to be seen, and their size on the card. */
export function stripOf(call) {
  const known = call.strip ?? "";
  const wanted = Math.min(CELLS.most, call.expected || known.length);
  const digits = known.length < wanted && wanted === call.expected ? known.padEnd(wanted, "0") : known;
  const n = Math.max(1, digits.length);
  const columns = Math.min(n, CELLS.row);
  const rows = Math.ceil(n / CELLS.row);
  return { digits, columns, rows, w: Math.min(16, CELLS.width / columns), h: rows > 2 ? 6 : 9 };
}

function sizeOf(call) {
  if (call.kind !== "loop") return CARD;
  const strip = stripOf(call);
  return { w: LOOP_W, h: 54 + strip.rows * strip.h };
}

/**
 * Lay out a group with all that is open in it.
 *
 * @param root a GROUP
 * @param open keys of open groups
 * @param insideOf gives the GROUP inside of a call, or null while it is not there
 */
export function buildScene(root, open, insideOf, horizontal) {
  const scene = { cards: [], frames: [], lines: [], w: 0, h: 0, byKey: new Map(), horizontal };
  const measured = measure(root, root.id, 0);
  placeAll(measured, 0, 0);
  scene.w = measured.w;
  scene.h = measured.h;
  return scene;

  function measure(group, key, depth) {
    const items = group.calls.map((call) => {
      const mine = keyOf(key, call);
      const inside = call.kind === "group" && open.has(mine) ? insideOf(call) : null;
      const inner = inside?.calls.length ? measure(inside, mine, depth + 1) : null;
      const size = inner ? { w: Math.max(CARD.w, inner.w + 2 * FRAME.side), h: inner.h + FRAME.top + FRAME.bottom } : sizeOf(call);
      return { name: call.call, after: call.after, call, key: mine, group, depth, inner, x: 0, y: 0, ...size };
    });
    return { items, ...layOut(items, horizontal) };
  }

  function placeAll(measuredGroup, dx, dy) {
    for (const item of measuredGroup.items) {
      item.x += dx;
      item.y += dy;
      scene.byKey.set(item.key, item);
      (item.inner ? scene.frames : scene.cards).push(item);
      if (item.inner) placeAll(item.inner, item.x + (item.w - item.inner.w) / 2, item.y + FRAME.top);
    }
    for (const line of measuredGroup.lines) {
      for (const point of line.points) {
        point[0] += dx;
        point[1] += dy;
      }
      setBounds(line);
      scene.lines.push(line);
    }
  }
}

function setBounds(line) {
  const [first] = line.points;
  [line.x0, line.y0] = first;
  [line.x1, line.y1] = first;
  for (const [x, y] of line.points) {
    line.x0 = Math.min(line.x0, x);
    line.y0 = Math.min(line.y0, y);
    line.x1 = Math.max(line.x1, x);
    line.y1 = Math.max(line.y1, y);
  }
}

/** Whether two states of a group look alike but for phases, so that nothing has to move. */
export function sameShape(a, b, open, insideBefore, insideNow, key = a.id) {
  if (a.calls.length !== b.calls.length) return false;
  return a.calls.every((before, at) => {
    const after = b.calls[at];
    if (before.call !== after.call || before.kind !== after.kind || !sameNames(before.after, after.after)) return false;
    if (before.kind === "loop") return stripOf(before).rows === stripOf(after).rows;
    const mine = keyOf(key, before);
    if (before.kind !== "group" || !open.has(mine)) return true;
    const [left, right] = [insideBefore(before), insideNow(after)];
    return left && right ? sameShape(left, right, open, insideBefore, insideNow, mine) : left === right;
  });
}

function sameNames(a, b) {
  return a.length === b.length && a.every((name, at) => name === b[at]);
}

/** Put new states into a scene of the same shape. */
export function refreshScene(scene, root, insideOf, key = root.id) {
  for (const call of root.calls) {
    const item = scene.byKey.get(keyOf(key, call));
    if (!item) continue;
    item.call = call;
    item.group = root;
    if (item.inner) {
      const inside = insideOf(call);
      if (inside) refreshScene(scene, inside, insideOf, item.key);
    }
  }
}

/** The path of a line: curves that leave and arrive along the direction of the graph. */
export function pathOf(line, horizontal) {
  const [first, ...rest] = line.points;
  let path = `M${r(first[0])} ${r(first[1])}`;
  let [x, y] = first;
  for (const [nx, ny] of rest) {
    const bend = horizontal ? (nx - x) / 2 : (ny - y) / 2;
    path += horizontal ? `C${r(x + bend)} ${r(y)} ${r(nx - bend)} ${r(ny)} ${r(nx)} ${r(ny)}` : `C${r(x)} ${r(y + bend)} ${r(nx)} ${r(ny - bend)} ${r(nx)} ${r(ny)}`;
    [x, y] = [nx, ny];
  }
  return path;
}

/** The head of an arrow at the end of a line. */
export function arrowOf(line, horizontal) {
  if (!line.arrow) return "";
  const [x, y] = line.points[line.points.length - 1];
  return horizontal ? `M${r(x)} ${r(y)}l-7 -3.6v7.2z` : `M${r(x)} ${r(y)}l-3.6 -7h7.2z`;
}

function r(number) {
  return Math.round(number * 10) / 10;
}
