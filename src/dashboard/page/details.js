// In short, the timeline, the throttle, the requests, and the queries to check it all by hand.

import { el, pairs, redraw, show, text } from "./dom.js";
import { bytes, change, clock, counted, grouped, range, rate, safe, span } from "./words.js";
import { isWorking, waitOf } from "./verdict.js";

const PHASES = {
  starting: "Starting", listing: "Asking what there is", fetching: "Downloading", waiting: "Waiting for the vendor",
  vendor_down: "The vendor does not answer", store_away: "The store is away", paused: "Paused", stopping: "Stopping", ended: "Ended",
};
const ENDINGS = {
  complete: "complete", attention: "complete but for options that need attention", stopped: "stopped by request", limit: "stopped at the limit",
  key: "the key was refused", vendor: "the vendor was given up", store: "the store could not be used", failed: "failed", usage: "it was called wrongly",
};
const OUTCOMES = {
  rows: "with bars", empty: "empty", listing: "listing", throttled: "429, throttled", unsent: "not sent", unknown: "unknown",
};
const ERRORS_SHOWN = 5;

/** The expected finish in words: a state, or a range. */
export function finish(page, now) {
  const is = page.outlook?.expectation;
  if (page.verdict.health === "done") return ["complete", page.run?.ended_at ? `since ${clock(Date.parse(page.run.ended_at), now)}` : ""];
  if (!is || is.state === "none") return ["no run", page.open > 0 ? `${counted(page.open, "option")} still to be fetched` : ""];
  if (is.state === "measuring") return ["measuring", `${grouped(is.answers)} of ${grouped(is.of)} answers that it takes`];
  if (is.state === "due") return ["due", "any moment now"];
  if (is.state === "away") return ["not known", "until the vendor and the store can be reached"];
  if (is.state === "paused") {
    return ["paused", is.high_ms === null ? "" : `${span(is.low_ms)} to ${span(is.high_ms)} once it goes on`];
  }
  const [low, high] = [Date.parse(is.low_at), Date.parse(is.high_at)];
  const [from, to] = [span(low - now), span(high - now)];
  return [range(low, high, now), from === to ? `in ${to}, waits to come included` : `in ${from} to ${to}, waits to come included`];
}

/** Four numbers that most people want. */
export function drawStrip(page, now) {
  const speed = page.outlook?.rate;
  const grown = page.outlook?.changes.reduce((sum, one) => (one.before ? sum + one.now.rows - one.before.rows : sum), 0);
  const [when, note] = finish(page, now);
  const list = [
    ["Finish", when, note, "finish"],
    ["Speed", speed ? `${rate(speed.options_per_s)} options/s` : "–", speed ? `${rate(speed.rows_per_s)} records/s` : waitOf(page) ? "while it waits" : "nothing is asked for", "speed"],
    ["Records", grouped(page.total.rows), page.progress && grown !== undefined ? `${change(grown)} in this run` : "", "rows"],
    ["Size", bytes(page.bytes), page.outlook?.grown_bytes != null ? `${page.outlook.grown_bytes < 0 ? "−" : "+"}${bytes(Math.abs(page.outlook.grown_bytes))} in this run` : "", "size"],
  ];
  redraw("strip", list, () => list.map(([name, value, small, key]) =>
    el("div", {}, el("dt", {}, name), el("dd", { "data-fact": key }, value), el("dd", { class: "small" }, small))));
}

/** From the start to the finish. */
export function drawTimeline(page, now) {
  const run = page.run;
  const progress = page.progress;
  const steps = [];
  if (!run) {
    steps.push(["todo", "No run yet", "chainfill backfill begins one"]);
  } else {
    steps.push(["done", "Started", clock(Date.parse(run.started_at), now), `run ${run.epoch}, process ${run.pid} on ${safe(run.host)}`]);
    if (isWorking(page)) {
      const since = progress ? Date.parse(progress.phase_since) : now;
      const on = progress?.phase === "fetching" ? progress.currencies.find((one) => one.done < one.todo) : null;
      steps.push(["now", `${PHASES[progress?.phase] ?? "Starting"}${on ? ` ${safe(on.currency)}` : ""}`, `since ${clock(since, now)} (${span(now - since)})`,
        `at work for ${span(now - Date.parse(run.started_at))}`]);
      for (const one of page.outlook?.milestones ?? []) {
        if (one.percent === 100 && one.reached_at) steps.splice(-1, 0, ["done", `${safe(one.currency)} asked for`, clock(Date.parse(one.reached_at), now)]);
        else if (one.percent === 100 && one.low_at) steps.push(["todo", `${safe(one.currency)} asked for`, range(Date.parse(one.low_at), Date.parse(one.high_at), now)]);
      }
      const [when, note] = finish(page, now);
      steps.push(["todo", "Finish", when, note]);
    } else if (run.ended_at) {
      steps.push(["done", "Ended", clock(Date.parse(run.ended_at), now), `${ENDINGS[run.ending] ?? "how is not known"}, after ${span(Date.parse(run.ended_at) - Date.parse(run.started_at))}`]);
    } else {
      steps.push(["lost", "Ended without finishing", `last sign of life ${clock(Date.parse(page.at) - run.beat_age_ms, now)}`, "start it again: nothing is lost"]);
    }
  }
  redraw("timeline", steps, () => steps.map(([state, head, when, note]) =>
    el("li", { class: state }, el("b", {}, head), el("span", { class: "when" }, when), note ? el("small", {}, note) : null)));
}

/** Until when a run's time counts: now, or its end, or where it is dead its last sign of life. */
function lastSign(page, now) {
  if (!page.run || isWorking(page)) return now;
  return page.run.ended_at ? Date.parse(page.run.ended_at) : Date.parse(page.at) - page.run.beat_age_ms;
}

/** What is known of the vendor's limit. */
export function drawThrottle(page, now) {
  const { quota, used, next_at, reason } = page.throttle;
  const progress = page.progress;
  const live = isWorking(page) && progress;
  const wait = waitOf(page);
  const waited = (progress?.cooldown_ms ?? 0) + (progress?.wait ? Math.max(0, lastSign(page, now) - Date.parse(progress.wait.since)) : 0);
  const next = wait ? Date.parse(wait.until) : next_at ? Date.parse(next_at) : 0;
  const from = quota ? `${quota.evidence === "matched" ? "matched by" : "computed from"} a 429 at ${clock(Date.parse(quota.learned_at), now)}` : "";
  const list = [
    ["Next slot", page.progress?.paused && live ? "when it is resumed" : next > now && (wait || reason !== "pace") ? `${clock(next, now)} (in ${span(next - now)})` : "now"],
    ["Cooldowns", progress ? grouped(progress.cooldowns) : "–", progress ? `${span(waited)} in them` : ""],
    ["Refused with 429", progress ? grouped(progress.refusals) : "–"],
    ["Pace", progress ? (progress.spacing_ms > 0 ? `at most ${rate(1000 / progress.spacing_ms)} /s` : "as fast as answers come") : "–"],
  ];
  redraw("throttle", [quota, used, list], () => [
    el("p", { class: "lead" }, quota ? `${grouped(quota.requests)} per ${windowWords(quota.window_ms)}` : "not known yet"),
    el("p", { class: "foot" }, quota ? from : "No 429 has told of a limit yet."),
    quota ? el("div", { class: "gauge", role: "img", "aria-label": `${used} of ${quota.requests} used` },
      el("i", { style: { width: `${Math.min(100, (used * 100) / Math.max(1, quota.requests))}%` }, class: used >= quota.requests ? "full" : null })) : null,
    el("p", { class: "gauge-words" }, quota ? `${grouped(used)} of ${grouped(quota.requests)} used in this window` : `${counted(used, "request")} may still count`),
    pairs(list),
  ]);
}

function windowWords(ms) {
  const names = { 1000: "second", 60_000: "minute", 3_600_000: "hour", 86_400_000: "day" };
  return names[ms] ?? span(ms);
}

/** What was asked, and what came of it. */
export function drawRequests(page) {
  const progress = page.progress;
  const latency = page.outlook?.latency;
  const speed = page.outlook?.rate;
  const ms = (value) => (value < 1000 ? `${value} ms` : `${(value / 1000).toFixed(1)} s`);
  const outcomes = Object.entries(progress?.outcomes ?? {}).sort((a, b) => b[1] - a[1]);
  redraw("requests", [page.requests, progress?.requests, progress?.bytes, latency, speed, outcomes], () => [
    pairs([
      ["In this run", grouped(progress?.requests ?? 0), speed ? `${rate(speed.answers_per_s)} /s` : ""],
      ["Ever", grouped(page.requests)],
      ["Still to send", progress ? grouped(progress.requests_left) : "–"],
      ["Answers", bytes(progress?.bytes ?? 0)],
      latency ? ["Half within", ms(latency.p50_ms), `90 % ${ms(latency.p90_ms)} · 99 % ${ms(latency.p99_ms)} · all ${ms(latency.max_ms)}`] : null,
    ]),
    outcomes.length > 0 ? el("ul", { class: "outcomes" }, outcomes.map(([name, count]) =>
      el("li", { class: ["rows", "empty", "listing"].includes(name) ? "good" : name === "throttled" ? "wait" : "bad" },
        el("span", {}, safe(OUTCOMES[name] ?? name.replaceAll("_", " "))), el("i", {}, el("i", { style: { width: `${Math.max(1, (count * 100) / outcomes[0][1])}%` } })), el("b", {}, grouped(count))))) : null,
  ]);
}

/** The last errors in words, the most frequent first; the log has the rest. */
export function drawErrors(page, now) {
  const errors = (page.progress?.errors ?? []).slice(0, ERRORS_SHOWN);
  show("errors-card", errors.length > 0);
  redraw("errors", [errors, Math.floor(now / 60_000)], () => errors.map((one) =>
    el("li", {}, el("b", {}, `${grouped(one.count)} ×`), el("span", {}, safe(one.words)), el("time", {}, clock(Date.parse(one.last_at), now)))));
}

/** The queries of the first page, for this store. */
export function drawQueries(page) {
  const count = "SELECT currency, COUNT(*) AS records, COUNT(DISTINCT symbol) AS options\nFROM cryptodatadownload_options_daily\nGROUP BY currency ORDER BY currency;";
  const place = safe(page.store).replaceAll("'", "'\\''");
  const [program, at] = place.startsWith("sqlite:") ? ["sqlite3 -readonly", place.slice("sqlite:".length)] : ["psql", place];
  text("query-now", `${program} '${at}' ${program === "psql" ? "-c " : ""}"${count}"`);
  text("query-prove", `chainfill verify --store '${place}'`);
}

