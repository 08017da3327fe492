// Escape sequences of terminals: colours become classes, all others are left out.

const SEQUENCE = /\u001b\[([0-9;:]*)([ -/]*[@-~])|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[ -/]*[0-~]?|\u009b[0-?]*[ -/]*[@-~]/g;
const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

/** The pieces of a line, each with the names of its classes. */
export function pieces(text) {
  if (!/[\u001b\u009b]/.test(text)) return [["", text]];
  let style = {};
  const found = [];
  let from = 0;
  for (const match of text.matchAll(SEQUENCE)) {
    if (match.index > from) found.push([classOf(style), text.slice(from, match.index)]);
    from = match.index + match[0].length;
    if (match[2] === "m") style = changed(style, match[1]);
  }
  if (from < text.length) found.push([classOf(style), text.slice(from)]);
  return found;
}

function changed(style, codes) {
  const next = { ...style };
  const numbers = codes.split(/[;:]/).map(Number);
  for (let at = 0; at < numbers.length; at++) {
    const code = numbers[at];
    if (code === 0) Object.assign(next, { colour: "", bold: false, dim: false, underline: false });
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 4) next.underline = true;
    else if (code === 22) next.bold = next.dim = false;
    else if (code === 24) next.underline = false;
    else if (code >= 30 && code <= 37) next.colour = NAMES[code - 30];
    else if (code >= 90 && code <= 97) next.colour = NAMES[code - 90];
    else if (code === 39) next.colour = "";
    else if (code === 38 || code === 48) {
      const many = numbers[at + 1] === 5;
      if (code === 38) next.colour = many && numbers[at + 2] < 16 ? NAMES[numbers[at + 2] % 8] : "";
      at += many ? 2 : 4;
    }
  }
  return next;
}

function classOf({ colour, bold, dim, underline }) {
  return [colour && `a-${colour}`, bold && "a-bold", dim && "a-dim", underline && "a-under"].filter(Boolean).join(" ");
}
