// The end of a log, followed: colours of the terminal kept, all other control sequences left out.

import { follow, get, query } from "./api.js";
import { button, el, put, setText } from "./dom.js";
import { count, plain, size } from "./format.js";
import { pieces } from "./ansi.js";

const MOST_LINES = 4000;
const LONGEST = 4000;
const FIRST = 65536;

/** Show the log of a node. */
export function openLog(place, path) {
  const text = el("div", { class: "log", role: "log", "aria-label": "Log", tabindex: 0 });
  const info = el("span", { class: "muted" });
  const more = button("Earlier lines", () => load(asked * 8), { class: "quiet small", hidden: true });
  const jump = button("Follow", () => (text.scrollTop = text.scrollHeight), { class: "quiet small", hidden: true });
  put(place, el("div", { class: "logbar" }, info, more, el("span", { class: "grow" }), jump,
    el("a", { href: `${path}/log/download`, download: "", class: "quiet small", text: "Download" })), text);

  let asked = FIRST;
  let stream = null;
  let offset = 0;
  let current = null;
  let closed = false;

  const atEnd = () => text.scrollHeight - text.scrollTop - text.clientHeight < 30;
  text.addEventListener("scroll", () => (jump.hidden = atEnd()), { passive: true });

  async function load(tail) {
    asked = tail;
    stream?.close();
    try {
      const found = await get(`${path}/log${query({ tail })}`);
      if (closed) return;
      clear();
      append(found.text);
      offset = found.offset;
      more.hidden = !found.from || asked >= 4 << 20;
      setText(info, found.size === 0 ? "Nothing was written yet." : found.from ? `the last ${size(found.offset - found.from)} of ${size(found.size)}` : size(found.size));
      text.scrollTop = text.scrollHeight;
      listen();
    } catch (error) {
      if (!closed && error.status) put(text, el("p", { class: "problem", text: error.message }));
    }
  }

  function listen() {
    stream = follow(() => `${path}/log/stream${query({ offset: String(offset) })}`, {
      text(event) {
        offset = event.offset ?? offset;
        append(event.text);
        setText(info, size(offset));
      },
      restart() {
        clear();
        offset = 0;
      },
      end: () => "end",
    });
  }

  function clear() {
    current = null;
    put(text);
  }

  /** Add what is new; the view follows only when its end can be seen. */
  function append(added) {
    if (!added) return;
    const follows = atEnd();
    const lines = added.replaceAll("\r\n", "\n").split("\n");
    const kept = lines.length > MOST_LINES ? lines.slice(-MOST_LINES) : lines;
    const fresh = document.createDocumentFragment();
    kept.forEach((words, at) => {
      if (at > 0 || !current) {
        if (at === kept.length - 1 && words === "" && at > 0) return void (current = null);
        current = el("div", { class: "ln" });
        current.raw = "";
        fresh.append(current);
      }
      write(current, words);
    });
    text.append(fresh);
    while (text.childElementCount > MOST_LINES) text.firstElementChild.remove();
    if (follows) text.scrollTop = text.scrollHeight;
  }

  /** Write into a line; what follows a carriage return takes the place of what was there, as on a terminal. */
  function write(node, words) {
    const whole = node.raw + words;
    const end = whole.replace(/\r+$/, "").length;
    const begin = end ? whole.lastIndexOf("\r", end - 1) + 1 : 0;
    const last = whole.slice(begin, end);
    node.raw = last.slice(0, LONGEST + 1) + (whole.length > end ? "\r" : "");
    put(node, pieces(last.slice(0, LONGEST)).map(([style, part]) => (style ? el("span", { class: style, text: plain(part) }) : plain(part))));
    if (last.length > LONGEST) node.append(el("span", { class: "muted", text: ` … (cut at ${count(LONGEST)} characters)` }));
  }

  load(FIRST);
  return {
    close() {
      closed = true;
      stream?.close();
    },
  };
}
