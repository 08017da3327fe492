// Questions to the person, in the browser's own modal dialog: it keeps the focus inside, and Esc closes it.

import { button, el, put } from "./dom.js";

function show(title, body, buttons) {
  const before = document.activeElement;
  const dialog = el("dialog", { class: "dialog", "aria-labelledby": "dialog-title" });
  put(dialog, el("h2", { id: "dialog-title", text: title }), body, el("div", { class: "buttons" }, buttons(dialog)));
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      before?.focus?.();
      done(dialog.returnValue);
    });
  });
}

/** Ask before something that cannot be undone; true when the person wants it. */
export async function confirm(title, text, yes) {
  const answer = await show(title, el("p", { text }), (dialog) => [
    button("Cancel", () => dialog.close(""), { autofocus: true }),
    button(yes, () => dialog.close("yes"), { class: "danger" }),
  ]);
  return answer === "yes";
}

const KEYS = [
  ["?", "this help"],
  ["/", "go to the filter"],
  ["j k, ↓ ↑", "next and previous run or step"],
  ["Enter", "open what is selected"],
  ["Esc", "close the panel; then back to the list"],
  ["1 2 3", "graph, timeline, steps"],
  ["+ − 0", "nearer, farther, all of it"],
  ["Arrows", "in the graph: the next step that way"],
  ["x", "in the graph: open or fold the selected group"],
  ["t", "dark or light"],
];

let helping = false;

/** What the keys do. */
export async function help() {
  if (helping) return;
  helping = true;
  const rows = KEYS.map(([keys, words]) => el("tr", {}, el("th", { scope: "row" }, el("kbd", { text: keys })), el("td", { text: words })));
  await show("Keys", el("table", { class: "keys" }, el("tbody", {}, rows)), (dialog) => button("Close", () => dialog.close(""), { autofocus: true }));
  helping = false;
}
