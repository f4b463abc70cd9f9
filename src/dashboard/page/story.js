// An option's own story: its line, its bars, its requests.

import { $, color, el, pairs } from "./dom.js";
import { clock, counted, grouped, safe } from "./words.js";
import { ask, serverNow } from "./stream.js";
import { lines } from "./journal.js";
import { retry } from "./controls.js";

const CHART = { height: 200, volume: 36, gap: 10, left: 66, bottom: 18 };

let bars = [];

/** Opens it in a window over the page. */
export async function openStory(symbol) {
  const story = await ask(`/api/option/${encodeURIComponent(symbol)}`);
  const { option } = story;
  const now = serverNow();
  bars = story.bars;
  $("story-head").replaceChildren(safe(option.symbol), el("span", { class: `chip ${option.state}` }, option.state));
  const canvas = el("canvas", { id: "story-chart", role: "img", "aria-label": chartWords() });
  const type = { C: "call", P: "put" }[option.option_type] ?? "";
  $("story-body").replaceChildren(...[
    option.reason ? el("p", { class: "notice" }, safe(option.reason)) : null,
    pairs([
      option.expiry ? ["Expiry", option.expiry] : null,
      option.strike ? ["Strike", `${option.strike} ${type}`] : null,
      ["Records", grouped(option.rows), option.first_bar ? `${option.first_bar} to ${option.last_bar}` : ""],
      ["Last asked", option.fetched_at ? clock(Date.parse(option.fetched_at), now) : "not yet"],
      ["Listed", option.listed ? "yes" : "no longer; its records stay"],
    ]),
    bars.length > 0 ? el("div", { class: "story-chart" }, canvas) : null,
    bars.length > 0 ? el("details", {}, el("summary", {}, `The ${counted(bars.length, "record")} as a table`), barTable()) : null,
    option.state === "empty" ? el("p", { class: "foot" }, "The vendor answered with a whole list that holds no bar of this option.") : null,
    el("h3", {}, "Requests"),
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Requests for this option" }, el("table", { class: "journal" }, el("tbody", {}, lines(story.attempts, now)))),
    option.state === "attention" && option.expiry ? el("p", {}, el("button", { type: "button", onclick: () => { $("story").close(); retry(option.symbol); } }, "Ask for it again")) : null,
  ].filter(Boolean));
  if (!$("story").open) $("story").showModal();
  candles(canvas);
}

function chartWords() {
  if (bars.length === 0) return "";
  const closes = bars.map((bar) => bar.close).filter((close) => close !== null);
  return `Daily bars from ${bars[0].date} to ${bars[bars.length - 1].date}; the last close is ${closes[closes.length - 1] ?? "not known"}.`;
}

function barTable() {
  const heads = ["Date", "Open", "High", "Low", "Close", "Volume"];
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Records" }, el("table", {},
    el("thead", {}, el("tr", {}, heads.map((head, at) => el("th", { scope: "col", class: at > 0 ? "n" : null }, head)))),
    el("tbody", {}, bars.map((bar) => el("tr", {}, el("th", { scope: "row" }, bar.date),
      [bar.open, bar.high, bar.low, bar.close, bar.volume].map((value) => el("td", { class: "n" }, value ?? "null")))))));
}

/** Candles: hollow where the price rose, filled where it fell, a stroke where nothing was traded. */
function candles(canvas) {
  if (bars.length === 0) return;
  const width = canvas.parentElement.clientWidth;
  const scale = devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = CHART.height * scale;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${CHART.height}px`;
  const brush = canvas.getContext("2d");
  brush.scale(scale, scale);
  const numbers = bars.map((bar) => ["open", "high", "low", "close", "volume"].map((name) => (bar[name] === null ? null : Number(bar[name]))));
  const prices = numbers.flatMap((row) => row.slice(0, 4)).filter((price) => price !== null && Number.isFinite(price));
  const [low, high] = prices.length > 0 ? [Math.min(...prices), Math.max(...prices)] : [0, 1];
  const room = CHART.height - CHART.bottom - CHART.volume - CHART.gap - 8;
  const y = (price) => 8 + (high === low ? room / 2 : ((high - price) / (high - low)) * room);
  const step = (width - CHART.left - 6) / bars.length;
  const body = Math.max(1, Math.min(14, step * 0.66));
  const most = Math.max(...numbers.map((row) => row[4] ?? 0), 0);
  const floor = CHART.height - CHART.bottom;
  brush.font = "11px system-ui, sans-serif";
  brush.textAlign = "right";
  for (const price of [high, (high + low) / 2, low]) {
    brush.fillStyle = color("ink-soft");
    brush.fillText(Number(price.toPrecision(4)).toString(), CHART.left - 8, y(price) + 4);
    brush.fillStyle = color("line");
    brush.fillRect(CHART.left, y(price), width - CHART.left, 1);
  }
  numbers.forEach(([open, top, bottom, close, volume], at) => {
    const x = CHART.left + step * (at + 0.5);
    if (volume > 0 && most > 0) {
      brush.fillStyle = color("ink-faint");
      const tall = Math.max(1, (volume / most) * CHART.volume);
      brush.fillRect(x - body / 2, floor - tall, body, tall);
    }
    if (open === null || close === null) return;
    const tint = close > open ? color("up") : close < open ? color("down") : color("ink-soft");
    [brush.strokeStyle, brush.fillStyle] = [tint, close > open ? color("surface") : tint];
    brush.lineWidth = 1.2;
    if (top !== null && bottom !== null) {
      brush.beginPath();
      brush.moveTo(x, y(top));
      brush.lineTo(x, y(bottom));
      brush.stroke();
    }
    const tall = Math.max(1.5, Math.abs(y(open) - y(close)));
    brush.fillRect(x - body / 2, Math.min(y(open), y(close)), body, tall);
    brush.strokeRect(x - body / 2, Math.min(y(open), y(close)), body, tall);
  });
  brush.fillStyle = color("ink-soft");
  brush.textAlign = "left";
  brush.fillText(bars[0].date, CHART.left, CHART.height - 4);
  brush.textAlign = "right";
  if (bars.length > 1 && width > 260) brush.fillText(bars[bars.length - 1].date, width - 4, CHART.height - 4);
}

$("story-close").addEventListener("click", () => $("story").close());
$("story").addEventListener("click", (event) => {
  if (event.target === $("story")) $("story").close();
});
addEventListener("themed", () => {
  if ($("story").open && $("story-chart")) candles($("story-chart"));
});
