// The verdict: one word, one sentence, and the dial that counts down a wait or shows how much is there.

import { $, el, redraw, show, text } from "./dom.js";
import { clock, countdown, grouped, percent, safe, span } from "./words.js";

/** A live run beats every five seconds; three missed beats are told (W6). */
const SILENT_MS = 15_000;

const MARKS = { fine: "✓", done: "✓", worry: "!", idle: "–" };

let announced = "";

/** The wait that is going on. */
export const waitOf = (page) => (page.progress?.phase === "waiting" && isWorking(page) ? page.progress.wait : null);

/** Whether a run is at work: the program's own word, so that the page and its verdict cannot differ. */
export const isWorking = (page) => Boolean(page.is_working);

/** Options whose history is known. */
export const known = (tally) => tally.stored + tally.empty;

/** Draws what changes with the news. */
export function drawVerdict(page, now) {
  const { health, sentence } = page.verdict;
  const word = { fine: "Fine", worry: "Worry", done: "Done", idle: "Idle" }[health] ?? health;
  $("verdict").dataset.health = health;
  text("verdict-word", word);
  const rest = sentence.startsWith(`${word}: `) ? sentence.slice(word.length + 2) : sentence;
  redraw("sentence", rest, () => inCode(safe(rest.charAt(0).toUpperCase() + rest.slice(1))));
  const wait = waitOf(page);
  const icon = health === "fine" && wait ? "wait" : health === "fine" && page.progress?.phase === "paused" ? "pause" : health;
  $("verdict-icon").setAttribute("href", `#i-${icon}`);
  announce(page, word);
  if (page.total !== undefined) drawWhole(page.total);
  favicon(health);
  tickVerdict(page, now);
}

/** Draws what changes with time alone. */
export function tickVerdict(page, now) {
  const wait = waitOf(page);
  const total = page.total;
  const share = total && total.listed > 0 ? known(total) / total.listed : 0;
  const shareWords = total && total.listed > 0 ? percent(known(total), total.listed) : "–";
  let title = [shareWords === "–" ? null : shareWords];
  if (wait && !page.away_since) {
    const [since, until] = [Date.parse(wait.since), Date.parse(wait.until)];
    const left = until - now;
    $("dial").dataset.mode = "wait";
    turn(Math.min(1, Math.max(0, (now - since) / Math.max(1, until - since))));
    text("dial-big", left > 0 ? countdown(left) : "0:00");
    text("dial-small", left > 0 ? `until ${clock(until, now)}` : "goes on now");
    title.push(left > 0 ? countdown(left) : "0:00");
  } else {
    $("dial").dataset.mode = "share";
    turn(share);
    text("dial-big", shareWords);
    text("dial-small", total && total.listed > 0 ? `${grouped(known(total))} of ${grouped(total.listed)} options` : page.away_since && page.verdict.health === "worry" ? "not known" : "nothing is listed yet");
  }
  const word = { worry: "⚠ Worry", done: "✓ Done", idle: "Idle", fine: null }[page.verdict.health];
  document.title = [word, ...title, "chainfill"].filter(Boolean).join(" · ");
  silence(page, now);
}

/** An engine that hangs is said to: since when (W6). */
function silence(page, now) {
  const silent = isWorking(page) ? now - Date.parse(page.at) + page.run.beat_age_ms : 0;
  show("silence", silent >= SILENT_MS && !page.away_since);
  if (silent >= SILENT_MS) {
    text("silence", `No sign of life from process ${page.run.pid} since ${clock(now - silent, now)} (${span(silent)}).`);
  }
}

/** What stands between backticks is a command. */
function inCode(words) {
  return words.split("`").map((part, at) => (at % 2 === 1 ? el("code", {}, part) : document.createTextNode(part)));
}

/** A screen reader hears what changed, and not each second. */
function announce(page, word) {
  const phase = page.progress?.phase ?? "";
  const key = `${page.verdict.health} ${phase} ${page.run?.epoch ?? ""}`;
  if (key === announced) return;
  announced = key;
  text("announce", safe(page.verdict.sentence.startsWith(word) ? page.verdict.sentence : `${word}: ${page.verdict.sentence}`));
}

function turn(part) {
  $("dial-fill").style.strokeDasharray = `${part * 100} 100`;
}

/** Stored, empty, attention, pending: the four add up to what is listed (I4). */
export const STATES = [
  ["stored", "Stored"],
  ["empty", "Empty"],
  ["attention", "Needs attention"],
  ["pending", "Pending"],
];

/** A bar of the four states. */
export function stateBar(tally) {
  return STATES.filter(([name]) => tally[name] > 0).map(([name]) =>
    el("span", { class: `seg ${name}`, style: { "flex-grow": String(tally[name]) } }));
}

function drawWhole(total) {
  show("whole", total.listed > 0);
  const words = STATES.map(([name, label]) => `${label.toLowerCase()} ${grouped(total[name])}`).join(", ");
  $("whole-bar").setAttribute("aria-label", `${grouped(total.listed)} options: ${words}`);
  const source = STATES.map(([name]) => total[name]);
  redraw("whole-bar", source, () => stateBar(total));
  redraw("whole-legend", source, () => STATES.map(([name, label]) =>
    el("li", {}, el("span", { class: `swatch ${name}` }), `${label} `, el("b", { "data-count": name }, grouped(total[name])))));
}

function favicon(health) {
  const icon = $("favicon");
  if (icon.dataset.health === health) return;
  icon.dataset.health = health;
  const fill = { fine: "%231a7f4b", done: "%231a7f4b", worry: "%23b3261e", idle: "%23706a5d" }[health] ?? "%23706a5d";
  icon.href = `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><circle cx='16' cy='16' r='15' fill='${fill}'/><text x='16' y='23' font-size='20' font-family='sans-serif' font-weight='bold' text-anchor='middle' fill='white'>${MARKS[health] ?? "–"}</text></svg>`;
}
