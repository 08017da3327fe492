// Layers of boxes: each stands after all that it waits for, and lines between them cross as little as is cheap to find.
//
// "Main" is the direction that the graph grows in, "cross" the other one; which is x and which is y is decided at the
// ends only. Where many wait for the same many, the lines meet in one point: m + n lines in place of m × n.

const GAP = { main: 58, cross: 16, joint: 22 };
const MOST_IN_COLUMN = 26;
const MOST_BENDS = 4000;
const SHAPE = 1.8;
const LONG = 16000;

/**
 * Give each call `x` and `y`.
 *
 * @param calls records with name, after (names), w and h; names that nothing has are passed over
 * @returns the size of all, and lines as lists of points
 */
export function layOut(calls, horizontal = true) {
  if (!calls.length) return { w: 0, h: 0, lines: [] };
  const items = makeItems(calls, horizontal);
  const joints = joinLines(items);
  let layers = intoLayers([...items, ...joints]);
  const wrapped = layers.some((layer) => layer.length > MOST_IN_COLUMN);
  const edges = wrapped ? straight(layers) : withBends(layers);
  order(layers, edges.length);
  if (wrapped) placeWrapped(layers);
  else place(layers);
  foldLines(layers);
  const [w, h] = finish(layers);
  for (const item of items) {
    item.call.x = horizontal ? item.main : item.cross;
    item.call.y = horizontal ? item.cross : item.main;
  }
  const lines = edges.map((edge) => pointsOf(edge, horizontal));
  return horizontal ? { w, h, lines } : { w: h, h: w, lines };
}

function makeItems(calls, horizontal) {
  const items = calls.map((call, at) => newItem(call, at, horizontal ? call.w : call.h, horizontal ? call.h : call.w));
  const byName = new Map(items.map((item) => [item.call.name, item]));
  for (const item of items) {
    for (const name of item.call.after ?? []) {
      const before = byName.get(name);
      if (before && before !== item) item.before.push(before);
    }
  }
  return items;
}

function newItem(call, at, length, breadth) {
  return { call, at, length, breadth, before: [], next: [], missing: 0, weight: 0, layer: 0, main: 0, cross: 0, rank: 0, isBend: false, span: 0 };
}

/** Points in which lines meet, where several calls wait for the same several ones. */
function joinLines(items) {
  const alike = new Map();
  for (const item of items) {
    if (item.before.length < 2) continue;
    const key = item.before.map((before) => before.at).join(" ");
    if (!alike.has(key)) alike.set(key, []);
    alike.get(key).push(item);
  }
  const joints = [];
  for (const group of alike.values()) {
    if (group.length < 2 || group.length * group[0].before.length <= 4) continue;
    const joint = newItem(null, group[0].at, 0, 0);
    joint.before = group[0].before;
    for (const item of group) item.before = [joint];
    joints.push(joint);
  }
  return joints;
}

function intoLayers(items) {
  for (const item of items) for (const before of item.before) before.next.push(item);
  for (const item of items) item.missing = item.before.length;
  const ready = items.filter((item) => !item.before.length);
  for (let at = 0; at < ready.length; at++) {
    for (const next of ready[at].next) {
      next.layer = Math.max(next.layer, ready[at].layer + 1);
      next.missing -= 1;
      if (!next.missing) ready.push(next);
    }
  }
  for (const item of items) { // what waits for nothing stands right before what waits for it
    if (!item.before.length && item.next.length) item.layer = Math.max(0, least(item.next.map((next) => next.layer)) - 1);
  }
  const layers = [];
  for (const item of items) (layers[item.layer] ??= []).push(item);
  return layers.filter(Boolean).map((layer, at) => (layer.forEach((item) => (item.layer = at)), layer));
}

function least(numbers) {
  return numbers.reduce((a, b) => Math.min(a, b), Infinity);
}

function straight(layers) {
  const edges = [];
  for (const layer of layers) for (const item of layer) for (const before of item.before) edges.push([before, item]);
  return edges;
}

/** The lines; those that go over several layers get a point to go through in each, so that they pass beside boxes. */
function withBends(layers) {
  const edges = [];
  let bends = 0;
  for (const [from, to] of straight(layers)) {
    const edge = [from];
    for (let layer = from.layer + 1; layer < to.layer && bends < MOST_BENDS; layer++, bends++) {
      const bend = newItem(null, from.at, 0, 0);
      bend.layer = layer;
      bend.isBend = true;
      link(edge[edge.length - 1], bend, from, to);
      layers[layer].push(bend);
      edge.push(bend);
    }
    if (edge.length > 1) link(edge[edge.length - 1], to, from, to);
    edge.push(to);
    edges.push(edge);
  }
  return edges;
}

/** Put a link into a line between two items, in the place of the one that led from its start to its end. */
function link(left, right, from, to) {
  left.next = left === from ? left.next.map((item) => (item === to ? right : item)) : [right];
  right.before = right === to ? right.before.map((item) => (item === from ? left : item)) : [left];
}

/** Order each layer by the middle of what its items are joined to, to and fro. */
function order(layers, lines) {
  for (const layer of layers) {
    layer.sort((a, b) => a.at - b.at);
    layer.forEach((item, rank) => (item.rank = rank));
  }
  const rounds = lines > 20000 ? 1 : lines > 4000 ? 2 : 4;
  for (let round = 0; round < rounds; round++) {
    for (const layer of layers) sortBy(layer, "before");
    for (const layer of [...layers].reverse()) sortBy(layer, "next");
  }
  for (const layer of layers) sortBy(layer, "before");
}

function sortBy(layer, side) {
  if (layer.length < 2) return;
  for (const item of layer) {
    const others = item[side];
    let sum = 0;
    for (let at = 0; at < others.length; at++) sum += others[at].rank;
    item.weight = others.length ? sum / others.length : item.rank;
  }
  layer.sort((a, b) => a.weight - b.weight || a.rank - b.rank);
  layer.forEach((item, rank) => (item.rank = rank));
}

/** Positions where each layer is one column. */
function place(layers) {
  let main = 0;
  for (const layer of layers) {
    const length = Math.max(...layer.map((item) => item.length));
    for (const item of layer) {
      item.main = main + (item.length || item.isBend ? 0 : length / 2);
      if (item.isBend) item.span = length;
    }
    main += length + (length ? GAP.main : GAP.joint);
    stack(layer);
  }
  for (let round = 0; round < 4; round++) {
    for (const layer of layers) pull(layer, "before");
    for (const layer of [...layers].reverse()) pull(layer, "next");
  }
  for (const layer of layers) pull(layer, "before");
}

function stack(layer) {
  let cross = 0;
  for (const item of layer) {
    item.cross = cross;
    cross += item.breadth + GAP.cross;
  }
  for (const item of layer) item.cross -= (cross - GAP.cross) / 2;
}

/** Move the items of a layer towards the middle of what they are joined to, in their order and without overlaps. */
function pull(layer, side) {
  const wanted = layer.map((item) => {
    const others = item[side];
    if (!others.length) return item.cross;
    return others.reduce((sum, other) => sum + other.cross + other.breadth / 2, 0) / others.length - item.breadth / 2;
  });
  // Runs of items that touch move together, to the mean of what they want.
  const blocks = [];
  layer.forEach((item, at) => {
    let block = { items: [item], start: wanted[at], length: item.breadth, sum: wanted[at] };
    while (blocks.length && blocks[blocks.length - 1].start + blocks[blocks.length - 1].length + GAP.cross > block.start) {
      const last = blocks.pop();
      const offset = last.length + GAP.cross;
      const sum = last.sum + block.sum - offset * block.items.length;
      const items = [...last.items, ...block.items];
      block = { items, sum, start: sum / items.length, length: offset + block.length };
    }
    blocks.push(block);
  });
  for (const block of blocks) {
    let cross = block.start;
    for (const item of block.items) {
      item.cross = cross;
      cross += item.breadth + GAP.cross;
    }
  }
}

/** Positions where layers are so long that they are laid in several columns. */
function placeWrapped(layers) {
  const most = bestRows(layers);
  let main = 0;
  for (const layer of layers) {
    const { length } = sizeOf(layer);
    let column = 0;
    for (let from = 0; from < layer.length; from += most, column++) {
      const part = layer.slice(from, from + most);
      for (const item of part) item.main = main + column * (length + GAP.cross);
      stack(part);
    }
    main += column * (length + GAP.cross) - GAP.cross + (length ? GAP.main : GAP.joint);
  }
}

function sizeOf(layer) {
  const length = layer.reduce((most, item) => Math.max(most, item.length), 0);
  const breadth = layer.reduce((most, item) => Math.max(most, item.breadth), 0);
  return { length, breadth };
}

/** How many a column may have, so that the whole has nearly the shape of a screen. */
function bestRows(layers) {
  const sizes = layers.map((layer) => ({ n: layer.length, ...sizeOf(layer) }));
  let [best, least] = [MOST_IN_COLUMN, Infinity];
  for (let rows = MOST_IN_COLUMN; rows < 1000; rows = Math.ceil(rows * 1.25)) {
    let main = 0;
    let cross = 0;
    for (const { n, length, breadth } of sizes) {
      main += Math.ceil(n / rows) * (length + GAP.cross) + GAP.main;
      cross = Math.max(cross, Math.min(n, rows) * (breadth + GAP.cross));
    }
    const off = Math.abs(Math.log(main / cross / SHAPE));
    if (off < least) [best, least] = [rows, off];
  }
  return best;
}

/** A very long row of layers is broken into lines, as a text is. */
function foldLines(layers) {
  const from = (layer) => Math.min(...layer.map((item) => item.main));
  const last = layers[layers.length - 1];
  const whole = Math.max(...last.map((item) => item.main + item.length));
  const breadth = extent(layers);
  const tall = breadth.high - breadth.low + 3 * GAP.main;
  if (whole < LONG || whole / tall < 3 * SHAPE) return;
  const length = Math.sqrt(whole * tall * SHAPE);
  let [start, line] = [0, 0];
  for (const layer of layers) {
    const at = from(layer);
    if (at - start > length) [start, line] = [at, line + 1];
    for (const item of layer) {
      item.main -= start;
      item.cross += line * tall;
    }
  }
}

function extent(layers) {
  let [low, high] = [Infinity, -Infinity];
  for (const layer of layers) {
    for (const item of layer) {
      low = Math.min(low, item.cross);
      high = Math.max(high, item.cross + item.breadth);
    }
  }
  return { low, high };
}

function finish(layers) {
  const { low, high } = extent(layers);
  let length = 0;
  for (const layer of layers) {
    for (const item of layer) {
      item.cross -= low;
      length = Math.max(length, item.main + item.length + item.span);
    }
  }
  return [length, high - low];
}

/** From the end of the first box through the bends to the start of the last one. */
function pointsOf(edge, horizontal) {
  const [first, last] = [edge[0], edge[edge.length - 1]];
  const point = (main, cross) => (horizontal ? [main, cross] : [cross, main]);
  const points = [point(first.main + first.length, first.cross + first.breadth / 2)];
  for (let at = 1; at < edge.length - 1; at++) {
    const { main, span, cross } = edge[at];
    points.push(point(main, cross), point(main + span, cross));
  }
  points.push(point(last.main, last.cross + last.breadth / 2));
  return { points, arrow: last.call !== null, x0: 0, y0: 0, x1: 0, y1: 0 };
}
