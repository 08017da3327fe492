// From card to card with the arrow keys.

/** The card that lies nearest in a direction; the first one that can be seen when none is chosen. */
export function nextCard(scene, from, [dx, dy], seen) {
  if (!scene) return null;
  const all = [...scene.cards, ...scene.frames];
  if (!from) return all.filter((item) => item.x >= seen.x0 && item.y >= seen.y0).sort((a, b) => a.x + a.y - b.x - b.y)[0] ?? all[0] ?? null;
  const [x, y] = middleOf(from);
  let best = null;
  let least = Infinity;
  for (const item of all) {
    if (item === from) continue;
    const [ix, iy] = middleOf(item);
    const along = (ix - x) * dx + (iy - y) * dy;
    const aside = Math.abs((ix - x) * dy) + Math.abs((iy - y) * dx);
    if (along < 8 || aside > along * 3) continue;
    const distance = along + aside * 2;
    if (distance < least) [best, least] = [item, distance];
  }
  return best;
}

function middleOf({ x, y, w, h, inner }) {
  return [x + w / 2, inner ? y + 20 : y + h / 2];
}
