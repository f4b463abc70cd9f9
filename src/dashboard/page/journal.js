// What happened, and the newest requests.

import { el, redraw } from "./dom.js";
import { bytes, clock, grouped, safe } from "./words.js";
import { ask } from "./stream.js";

const SHOWN = 30;

let seen = "";
let asking = false;

/** Reads the journal anew where requests were sent since. */
export async function drawJournal(page, now) {
  const key = `${page.requests} ${page.progress?.answers} ${page.run?.epoch} ${page.run?.ended_at}`;
  if (key === seen || asking || document.hidden) return;
  asking = true;
  try {
    const { requests } = await ask(`/api/journal?newest=${SHOWN}`);
    seen = key;
    redraw("journal", requests, () => lines(requests, now));
  } catch {
    // The next news asks again.
  } finally {
    asking = false;
  }
}

/** Draws the log's tail, newest first. */
export function drawTail(page, now) {
  const tail = page.progress?.tail ?? [];
  redraw("tail", tail, () => tail.length === 0
    ? [el("li", {}, "Nothing yet.")]
    : tail.map((one) => el("li", {}, el("time", {}, clock(Date.parse(one.at), now)), el("span", {}, safe(one.words)))));
}

/** Lines of a journal as table rows. */
export function lines(requests, now) {
  if (requests.length === 0) return [el("tr", {}, el("td", { colspan: "6" }, "Nothing was asked for yet."))];
  return requests.map((one) => {
    const sent = Date.parse(one.sent_at);
    const took = one.done_at ? Date.parse(one.done_at) - sent : null;
    const good = ["rows", "empty", "listing"].includes(one.outcome);
    const outcome = one.outcome ?? "under way";
    return el("tr", { class: one.outcome === null ? "open" : good ? "good" : "bad" },
      el("td", {}, el("time", {}, clock(sent, now))),
      el("td", { class: "code" }, safe(one.query)),
      el("td", {}, el("span", { class: "outcome" }, safe(outcome.replaceAll("_", " "))),
        one.status ? el("small", {}, ` ${one.status}`) : null, one.note ? el("small", { class: "note" }, ` ${safe(one.note)}`) : null),
      el("td", { class: "n" }, one.rows === null ? "" : grouped(one.rows)),
      el("td", { class: "n" }, one.bytes === null ? "" : bytes(one.bytes)),
      el("td", { class: "n" }, took === null ? "" : took < 1000 ? `${took} ms` : `${(took / 1000).toFixed(1)} s`));
  });
}
