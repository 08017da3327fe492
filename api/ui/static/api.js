// Talking with the server: JSON, events that follow, and what to do when it is gone.

import { setClock } from "./format.js";

/** What went wrong, in a sentence for a person. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** What the server said of itself; empty until it has. */
export const session = { csrf: "", version: "", folder: "", server: false };
const listeners = new Set();
let state = "ok";
let pinging = 0;

/** Call with "ok", "lost" or "denied" when that changes; gives the function that ends it. */
export function onLink(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function setState(next) {
  if (next === state) return;
  state = next;
  for (const listener of [...listeners]) listener(next);
}

/** One element of an address. Those that the browser itself would resolve are no names of anything. */
export function seg(word) {
  if (word === "" || word === "." || word === "..") throw new ApiError(404, "There is nothing with that name.");
  return encodeURIComponent(word);
}

/** The address of a run's resource. */
export function runPath(run, ...rest) {
  return ["/api/runs", seg(run), ...rest].join("/");
}

/** The part of an address after `?`; what is null or "" is left out. */
export function query(values) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== "") found.set(name, value);
  }
  const text = found.toString();
  return text && `?${text}`;
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    lost();
    throw new ApiError(0, "The connection to dflow ui is lost.");
  }
  if (answer.ok) {
    if (state === "lost") setState("ok");
    return answer;
  }
  if (answer.status === 401) setState("denied");
  throw new ApiError(answer.status, await reason(answer));
}

async function reason(answer) {
  try {
    const said = JSON.parse(await answer.text()).error;
    if (typeof said === "string" && said) return said;
  } catch {
    // no JSON: the number has to do
  }
  return answer.status === 401 ? "The token is missing or wrong." : `The server answered ${answer.status}.`;
}

/** The JSON at an address. */
export async function get(path, options) {
  return (await ask(path, options)).json();
}

/** The text at an address, and its type. */
export async function getText(path, options) {
  return (await ask(path, options)).text();
}

/** The bytes at an address. */
export async function getBlob(path, options) {
  return (await ask(path, options)).blob();
}

/** Who the server is; asked once at the start, and again after it was gone. */
export async function openSession() {
  Object.assign(session, await get("/api/session"));
  if (session.now) setClock(session.now);
  return session;
}

/** Ask for something to be done; what the server said. */
export async function act(run, action, body = {}) {
  const send = () =>
    ask(runPath(run, action), {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": session.csrf },
      body: JSON.stringify(body),
    });
  if (!session.csrf) await openSession();
  let answer;
  try {
    answer = await send();
  } catch (error) {
    if (error.status !== 403) throw error;
    await openSession(); // the server was started again: it has another token
    answer = await send();
  }
  return (await answer.json()).said ?? "";
}

function lost() {
  if (state === "denied") return;
  setState("lost");
  clearTimeout(pinging);
  pinging = setTimeout(ping, 1500);
}

async function ping() {
  try {
    await openSession();
  } catch (error) {
    if (error.status > 0 && error.status !== 401) lost();
  }
}

/**
 * Follow a stream of events, opening it again when it breaks; while the tab is hidden it is closed, because a browser
 * opens no more than six connections to one server, for all of its tabs together.
 *
 * @param address a function that gives the address, so that each opening can go on from where the last one ended
 * @param handlers by the name of the event, called with its data; one that returns "end" ends it
 * @param again called when it was opened again, for things that may have been missed
 */
export function follow(address, handlers, again = null) {
  let source = null;
  let timer = 0;
  let wait = 500;
  let ended = false;
  let opened = 0;

  const shut = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const retry = () => {
    shut();
    if (ended) return;
    timer = setTimeout(open, wait);
    wait = Math.min(wait * 2, 8000);
  };
  const broken = async () => {
    shut();
    try {
      await get("/api/session");
      retry();
    } catch {
      // the banner says it, and the link calls back when the server is there again
    }
  };
  function open() {
    if (ended || document.hidden) return;
    shut();
    source = new EventSource(address());
    source.onopen = () => {
      wait = 500;
      if (opened++) again?.();
    };
    source.onerror = broken;
    for (const [name, handler] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => {
        if (handler(event.data ? JSON.parse(event.data) : {}) === "end") close();
      });
    }
  }
  const seen = () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(shut, 5000);
    else if (!source) open();
  };
  const back = (next) => next === "ok" && !ended && !source && retry();
  const forget = onLink(back);
  document.addEventListener("visibilitychange", seen);
  function close() {
    ended = true;
    shut();
    forget();
    document.removeEventListener("visibilitychange", seen);
  }
  open();
  return { close };
}
