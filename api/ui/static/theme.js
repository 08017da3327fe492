// Runs before anything is painted, so that a chosen theme does not flash the other one first.
"use strict";
try {
  const chosen = localStorage.getItem("dflow-theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
} catch {
  // no storage: the theme of the system
}
