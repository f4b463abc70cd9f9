// Each currency before the run, now, and when all is done; its milestones below.

import { el, redraw } from "./dom.js";
import { change, clock, grouped, percent, range, safe } from "./words.js";
import { known, stateBar, STATES } from "./verdict.js";

/** Draws a panel a currency. */
export function drawCurrencies(page, now) {
  const minute = Math.floor(now / 60_000); // a date may come to a time at midnight
  redraw("currencies", [page.currencies, page.outlook, page.progress?.currencies, minute], () =>
    inOrder(page).map((tally) => panel(page, tally, now)));
}

/** As the run asks for them; those that it does not ask for come last. */
export function inOrder(page) {
  const order = page.progress?.currencies.map((one) => one.currency) ?? [];
  const place = (tally) => (order.includes(tally.currency) ? order.indexOf(tally.currency) : order.length);
  return [...page.currencies].sort((one, other) => place(one) - place(other));
}

function panel(page, tally, now) {
  const same = (one) => one.currency === tally.currency;
  const delta = page.outlook?.changes.find(same);
  const run = page.progress?.currencies.find(same);
  const milestones = page.outlook?.milestones.filter(same) ?? [];
  const name = safe(tally.currency);
  return el("article", { class: "card currency", "data-currency": tally.currency, "aria-label": name },
    el("header", {}, el("h3", {}, name), el("span", { class: "share" }, percent(known(tally), tally.listed))),
    el("div", { class: "bar", role: "img", "aria-label": STATES.map(([state, label]) => `${label} ${grouped(tally[state])}`).join(", ") }, stateBar(tally)),
    table(tally, delta),
    milestones.length > 0 ? track(run, milestones, now) : null);
}

function table(tally, delta) {
  const before = delta?.before ?? null;
  const open = tally.pending + tally.attention;
  const rows = [
    ["Records", "rows", before?.rows, tally.rows, delta?.rows_expected === undefined || delta?.rows_expected === null ? "" : `${open > 0 ? "~" : ""}${grouped(delta.rows_expected)}`],
    ["Options stored", "stored", before?.stored, tally.stored, `${open > 0 ? "≤ " : ""}${grouped(tally.listed - tally.empty)}`],
    ["Missing", "missing", before?.missing, open, "0"],
  ];
  const cell = (value) => (value === undefined || value === null ? "–" : grouped(value));
  const diff = (from, to) => (from === undefined || from === null || from === to ? null : el("small", {}, change(to - from)));
  const extra = [["Empty", "empty", tally.empty], ["Needs attention", "attention", tally.attention], ["Pending", "pending", tally.pending], ["Listed", "listed", tally.listed]];
  return el("table", { class: "against" },
    el("thead", {}, el("tr", {}, el("td", {}), ...["Before", "Now", "Target"].map((head) => el("th", { scope: "col", class: "n" }, head)))),
    el("tbody", {}, rows.map(([head, key, from, to, target]) =>
      el("tr", { "data-row": key }, el("th", { scope: "row" }, head),
        el("td", { class: "n" }, cell(from)),
        el("td", { class: "n now" }, el("b", { "data-now": key }, grouped(to)), diff(from, to)),
        el("td", { class: "n" }, target)))),
    el("tfoot", {}, el("tr", {}, el("td", { colspan: "4" }, el("ul", { class: "extra" },
      extra.map(([head, key, value]) => el("li", { class: key === "attention" && value > 0 ? "flag" : null }, `${head} `, el("b", { "data-now": key }, grouped(value)))))))));
}

/** Four quarters of what this run asks for, each filled as far as it is. */
function track(run, milestones, now) {
  const [done, todo] = [run?.done ?? 0, run?.todo ?? 0];
  let from = 0;
  return el("div", { class: "milestones" },
    el("p", { class: "foot" }, `This run: ${grouped(done)} of ${grouped(todo)} asked for`),
    el("ol", {}, milestones.map((one) => {
      const part = Math.min(1, Math.max(0, (done - from) / Math.max(1, one.options - from)));
      from = one.options;
      const reached = one.reached_at !== null;
      const when = reached ? clock(Date.parse(one.reached_at), now)
        : one.low_at ? range(Date.parse(one.low_at), Date.parse(one.high_at), now) : "";
      return el("li", { class: reached ? "reached" : null, "data-percent": one.percent },
        el("span", { class: "quarter" }, el("i", { style: { width: `${(reached ? 1 : part) * 100}%` } })),
        el("b", {}, `${reached ? "✓ " : ""}${one.percent} %`),
        el("span", { class: "unseen" }, reached ? " reached at " : one.low_at ? " expected " : " not reached yet"),
        el("span", { class: "when" }, when));
    })));
}

