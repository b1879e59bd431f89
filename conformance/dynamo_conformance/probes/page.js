"use strict";
// The filter: which probes are shown, by outcome, area and text. Without it all of them are.
const form = document.querySelector("form.filter");
const probes = [...document.querySelectorAll(".probes tbody")];
const texts = new Map();
function holds(probe, words) {
  if (!texts.has(probe)) texts.set(probe, probe.textContent.toLowerCase());
  return words.every((word) => texts.get(probe).includes(word));
}
function filter() {
  const data = new FormData(form);
  const outcomes = new Set(data.getAll("outcome"));
  const area = data.get("area");
  const words = data.get("text").toLowerCase().split(/\s+/);
  let shown = 0;
  for (const probe of probes) {
    const { outcome, area: its } = probe.dataset;
    probe.hidden = !(outcomes.has(outcome) && (!area || area === its) && holds(probe, words));
    shown += !probe.hidden;
  }
  form.querySelector("output").textContent = `${shown} of ${probes.length} probes`;
}
form.addEventListener("input", filter);
form.addEventListener("change", filter); // Some browsers send no other for a choice in a list.
form.addEventListener("submit", (event) => event.preventDefault());
form.hidden = false;
filter();
// What a link leads to is not left folded up.
function unfold() {
  const target = document.getElementById(location.hash.slice(1));
  for (let element = target; element; element = element.parentElement) {
    if (element.tagName === "DETAILS") element.open = true;
  }
  if (target) target.scrollIntoView();
}
window.addEventListener("hashchange", unfold);
unfold();
