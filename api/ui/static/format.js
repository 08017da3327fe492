// Numbers and texts for people.

let ahead = 0;

/** Set this clock by that of the server. */
export function setClock(serverNow) {
  ahead = serverNow - Date.now() / 1000;
}

/** Seconds since the epoch, by the clock of the server. */
export function now() {
  return Date.now() / 1000 + ahead;
}

const two = (number) => String(Math.floor(number)).padStart(2, "0");

/** How long: `35 ms`, `4.2 s`, `4m 02s`, `2h 05m`, `3d 4h`. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "";
  const value = Math.max(0, seconds);
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  if (value < 9.95) return `${value.toFixed(1)} s`;
  if (value < 59.5) return `${Math.round(value)} s`;
  const whole = Math.round(value);
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h ${two((whole % 3600) / 60)}m`;
  return `${Math.floor(whole / 86400)}d ${Math.floor((whole % 86400) / 3600)}h`;
}

/** How long something took, or has taken by now; "" when it has not begun. */
export function took(item, isFinal = false) {
  if (item.started === null || item.started === undefined) return "";
  const end = item.finished ?? (isFinal ? null : now());
  return end === null ? "" : duration(end - item.started);
}

/** Bytes: `812 B`, `1.2 MB`. */
export function size(bytes) {
  if (bytes === null || bytes === undefined || !Number.isFinite(bytes)) return "";
  let value = bytes;
  for (const unit of ["B", "kB", "MB", "GB", "TB"]) {
    if (value < 999.5 || unit === "TB") return `${unit === "B" || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${unit}`;
    value /= 1000;
  }
  return "";
}

/** A number with thin groups: 10 000. */
export function count(number) {
  return String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** A time of today as `14:02:07`, another one with its day. */
export function clock(at) {
  if (at === null || at === undefined) return "";
  const date = new Date(at * 1000);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const today = new Date(now() * 1000);
  if (date.toDateString() === today.toDateString()) return time;
  const day = `${date.getDate()} ${MONTHS[date.getMonth()]}`;
  return date.getFullYear() === today.getFullYear() ? `${day} ${time}` : `${day} ${date.getFullYear()} ${time}`;
}

/** The whole time, for a tooltip. */
export function iso(at) {
  return at === null || at === undefined ? null : new Date(at * 1000).toISOString();
}

/** `1 step`, `3 steps`. */
export function several(number, word) {
  return `${count(number)} ${word}${number === 1 ? "" : "s"}`;
}

const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A text whose invisible characters (controls, turned writing directions) can be seen. */
export function plain(text) {
  return String(text ?? "").replace(UNSEEN, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The same in one line. */
export function line(text) {
  return plain(text).replace(/\s+/g, " ").trim();
}

/** The start of a text, with an ellipsis where it was cut. */
export function cut(text, most) {
  const shown = line(text);
  return shown.length > most ? `${shown.slice(0, most - 1)}…` : shown;
}

/** Both ends of a text. */
export function middle(text, most) {
  const shown = line(text);
  if (shown.length <= most) return shown;
  const head = Math.ceil((most - 1) * 0.6);
  return `${shown.slice(0, head)}…${shown.slice(shown.length - (most - 1 - head))}`;
}
