// Bars into lanes, so that none lies on another: the critical path in the first ones, all others where there is room.

/**
 * @param rows records with started, finished (null while they run), critical
 * @returns lanes (lists of rows, each sorted by start) and how many of them are those of the critical path
 */
export function packLanes(rows, criticalIds, end) {
  const order = new Map(criticalIds.map((id, at) => [id, at]));
  const begun = rows.filter((row) => row.started !== null && row.started !== undefined);
  const byStart = (a, b) => a.started - b.started || (order.get(a.id) ?? 0) - (order.get(b.id) ?? 0);
  const chain = pack(begun.filter((row) => row.critical).sort(byStart), end);
  const others = pack(begun.filter((row) => !row.critical).sort(byStart), end);
  return { lanes: [...chain, ...others], chain: chain.length };
}

/** First free lane; a heap of the lanes by when they become free keeps it fast for thousands of rows. */
function pack(rows, end) {
  const lanes = [];
  const busy = [];
  const free = [];
  for (const row of rows) {
    while (busy.length && busy[0].until <= row.started + 1e-6) push(free, pop(busy), "lane");
    const slot = free.length ? pop(free, "lane") : { lane: lanes.push([]) - 1, until: 0 };
    lanes[slot.lane].push(row);
    slot.until = Math.max(row.started, row.finished ?? end);
    push(busy, slot);
  }
  return lanes;
}

function push(heap, item, by = "until") {
  heap.push(item);
  for (let at = heap.length - 1; at > 0;) {
    const up = (at - 1) >> 1;
    if (heap[up][by] <= heap[at][by]) return;
    [heap[up], heap[at]] = [heap[at], heap[up]];
    at = up;
  }
}

function pop(heap, by = "until") {
  const top = heap[0];
  const last = heap.pop();
  if (!heap.length) return top;
  heap[0] = last;
  for (let at = 0; ;) {
    let least = at;
    for (const child of [2 * at + 1, 2 * at + 2]) if (child < heap.length && heap[child][by] < heap[least][by]) least = child;
    if (least === at) return top;
    [heap[least], heap[at]] = [heap[at], heap[least]];
    at = least;
  }
}

/** Steps of an axis: round numbers of seconds, minutes, hours or days. */
export function tickStep(secondsPerPixel, wanted = 110) {
  const least = secondsPerPixel * wanted;
  const small = [1, 2, 5].flatMap((n) => [1e-3, 1e-2, 1e-1].map((unit) => n * unit)).sort((a, b) => a - b);
  const steps = [...small, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  return steps.find((step) => step >= least) ?? Math.ceil(least / 86400) * 86400;
}
