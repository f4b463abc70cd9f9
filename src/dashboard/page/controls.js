// What a person may tell the run: left in its store, where it finds it within a second.

import { $, show, text } from "./dom.js";
import { safe } from "./words.js";
import { isWorking } from "./verdict.js";

let token = document.querySelector('meta[name="chainfill-page"]').content;
let busy = false;
let seen = null;

/** The server was started anew, and takes another token since. */
export async function renewToken() {
  try {
    const text = await (await fetch("/")).text();
    token = new DOMParser().parseFromString(text, "text/html").querySelector('meta[name="chainfill-page"]').content;
  } catch {
    // The next order says that the page must be loaded again.
  }
}

/** Shows what makes sense now. */
export function drawControls(page) {
  seen = page;
  const open = isWorking(page) && !page.away_since;
  const { phase, paused } = page.progress ?? {};
  const ending = ["stopping", "ended"].includes(phase);
  show("pause", open && !paused && !ending);
  show("resume", open && Boolean(paused) && !ending);
  show("stop", open && !ending);
  show("pace", open && !ending && Boolean(page.progress));
  show("retry", (page.retriable ?? 0) > 0);
  const rate = $("pace-rate");
  if (page.progress && document.activeElement !== rate && !busy) choose(rate, page.progress.spacing_ms);
}

/** A pace that is none of the offered ones is offered as well. */
function choose(select, spacingMs) {
  const perS = spacingMs > 0 ? 1000 / spacingMs : 0;
  const value = String(Math.round(perS * 1000) / 1000);
  if (![...select.options].some((option) => option.value === value)) {
    const option = document.createElement("option");
    option.value = value;
    option.textContent = perS >= 0.1 ? `${Math.round(perS * 10) / 10} /s` : `1 in ${Math.round(spacingMs / 1000)} s`;
    select.append(option);
  }
  if (select.value !== value) select.value = value;
}

/** Sends an order and says what became of it. */
async function order(what) {
  if (busy) return;
  busy = true;
  $("controls").setAttribute("aria-busy", "true");
  text("told", "Telling the run…");
  try {
    const response = await fetch("/api/orders", {
      method: "POST",
      headers: { "content-type": "application/json", "x-chainfill-page": token },
      body: JSON.stringify(what),
    });
    const answer = await response.json().catch(() => ({ error: "this page is from an earlier start of the server: load it again" }));
    const words = answer.words ?? answer.error ?? "";
    text("told", safe(words.charAt(0).toUpperCase() + words.slice(1)) + (words.endsWith(".") ? "" : "."));
    $("told").classList.toggle("failed", !response.ok);
  } catch {
    text("told", "The server cannot be reached: the order was not given.");
    $("told").classList.add("failed");
  } finally {
    busy = false;
    $("controls").removeAttribute("aria-busy");
    if (seen) drawControls(seen);
  }
}

$("pause").addEventListener("click", () => order({ order: "pause" }));
$("resume").addEventListener("click", () => order({ order: "resume" }));
$("retry").addEventListener("click", () => order({ order: "retry", attention: true }));
$("stop").addEventListener("click", () => $("confirm").showModal());
$("confirm").addEventListener("close", () => {
  if ($("confirm").returnValue === "yes") order({ order: "stop" });
  $("confirm").returnValue = "";
});
$("pace").addEventListener("submit", (event) => event.preventDefault());
$("pace-rate").addEventListener("change", (event) => {
  const perS = Number(event.target.value);
  order({ order: "pace", spacing_ms: perS > 0 ? Math.round(1000 / perS) : 0 });
});

/** Asks for one option again. */
export const retry = (symbol) => order({ order: "retry", symbols: [symbol] });
