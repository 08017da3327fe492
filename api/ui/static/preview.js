// What is in a file: text, JSON, CSV as a table, a picture. Everything is put on the page as text.

import { getText } from "./api.js";
import { button, copy, el, put } from "./dom.js";
import { plain, size } from "./format.js";

const ROWS = 200;
const COLUMNS = 60;
const SHOWN = 262144;

/** The preview of a file, asked for at once. */
export function openPreview(kind, address, bytes) {
  if (kind === "none") return el("p", { class: "muted", text: "There is no preview of such a file." });
  if (kind === "image") {
    return el("img", { class: "picture", src: address, alt: "preview", onerror: (event) => event.target.replaceWith(el("p", { class: "muted", text: "The picture cannot be shown." })) });
  }
  const body = el("div", { class: "preview" }, el("p", { class: "muted", text: "Reading …" }));
  fill(body, kind, address, bytes);
  return body;
}

async function fill(body, kind, address, bytes) {
  try {
    const text = await getText(address);
    const cut = bytes > SHOWN ? el("p", { class: "muted", text: `The beginning; the file has ${size(bytes)}.` }) : null;
    put(body, kind === "csv" ? csv(text) : kind === "json" ? asText(indented(text)) : asText(text), cut);
  } catch (error) {
    put(body, el("p", { class: "problem", role: "alert", text: error.message }));
  }
}

function asText(text) {
  return el("pre", { class: "file", tabindex: 0, text: text === "" ? "(empty)" : plain(text.replaceAll("\r\n", "\n")) });
}

/** The script of a node. */
export async function openScript(body, path) {
  put(body, el("p", { class: "muted", text: "Reading …" }));
  try {
    const text = await getText(`${path}/script`);
    put(body, button("Copy", () => copy(text), { class: "quiet small" }), asText(text));
  } catch (error) {
    put(body, el("p", { class: "problem", role: "alert", text: error.message }));
  }
}

/** JSON with indents, number by number as it was written; a text that is no JSON as it is. */
export function indented(text) {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  let depth = 0;
  let out = "";
  const turn = () => `\n${"  ".repeat(depth)}`;
  tokens.forEach((token, at) => {
    const next = tokens[at + 1];
    if (token === "{" || token === "[") {
      const isEmpty = next === "}" || next === "]";
      depth += isEmpty ? 0 : 1;
      out += token + (isEmpty ? "" : turn());
    } else if (token === "}" || token === "]") {
      const wasEmpty = tokens[at - 1] === "{" || tokens[at - 1] === "[";
      depth -= wasEmpty ? 0 : 1;
      out += wasEmpty ? token : turn() + token;
    } else out += token === "," ? `,${turn()}` : token === ":" ? ": " : token;
  });
  return out;
}

/** The rows of a text with separated values, at most so many. */
export function readCsv(text, most = ROWS + 1) {
  const first = text.slice(0, text.search(/\r?\n|$/));
  const sign = [",", "\t", ";"].reduce((best, one) => (first.split(one).length > first.split(best).length ? one : best), ",");
  const rows = [];
  let row = [];
  let cell = "";
  let quoted = false;
  const endRow = () => {
    row.push(cell);
    cell = "";
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  };
  for (let at = 0; at < text.length && rows.length < most; at++) {
    const char = text[at];
    if (quoted) {
      if (char !== '"') cell += char;
      else if (text[at + 1] === '"') (cell += '"'), at++;
      else quoted = false;
    } else if (char === '"' && cell === "") quoted = true;
    else if (char === sign) row.push(cell), (cell = "");
    else if (char === "\n") endRow();
    else if (char !== "\r") cell += char;
  }
  if (rows.length < most && (cell !== "" || row.length)) endRow();
  return rows;
}

function csv(text) {
  const rows = readCsv(text);
  if (!rows.length) return asText(text);
  const [head, ...rest] = rows;
  const cells = (row, tag) => row.slice(0, COLUMNS).map((cell) => el(tag, { text: plain(cell).slice(0, 500), class: tag === "td" && /^\s*[-+.\d]/.test(cell) && Number.isFinite(Number(cell)) ? "number" : null, scope: tag === "th" ? "col" : null }));
  return el("div", { class: "csv", tabindex: 0 },
    el("table", {}, el("thead", {}, el("tr", {}, cells(head, "th"))), el("tbody", {}, rest.slice(0, ROWS).map((row) => el("tr", {}, cells(row, "td"))))),
    rest.length >= ROWS ? el("p", { class: "muted", text: `The first ${ROWS} rows.` }) : null);
}
