// The page: news come in, each part draws its own.

import { $, show, text } from "./dom.js";
import { clock, offset, setOffset, setZone, span, zoneName } from "./words.js";
import { link, open, serverNow } from "./stream.js";
import { drawVerdict, tickVerdict } from "./verdict.js";
import { drawCurrencies } from "./currencies.js";
import { drawErrors, drawRequests, drawStrip, drawThrottle, drawTimeline, drawQueries } from "./details.js";
import { drawCharts } from "./charts.js";
import { drawCoverage, repaintMap } from "./coverage.js";
import { drawJournal, drawTail } from "./journal.js";
import { drawControls, renewToken } from "./controls.js";

const TICK_MS = 1000;
/** A look that is older than this is said to be old. */
const OLD_MS = 5000;

let page = null;
let hello = null;

function draw(news) {
  // A store that cannot be read has a verdict and no numbers: the last ones stay, and are said to be old.
  page = news.away_since && page ? { ...page, ...news } : news;
  if (!news.away_since) delete page.away_since;
  const now = serverNow();
  text("place", page.store);
  drawVerdict(page, now);
  drawControls(page);
  drawQueries(page);
  const numbers = page.total !== undefined;
  show("facts", numbers);
  $("facts").classList.toggle("old", Boolean(page.away_since));
  if (!numbers) return;
  drawStrip(page, now);
  drawCurrencies(page, now);
  drawTimeline(page, now);
  drawThrottle(page, now);
  drawRequests(page);
  drawErrors(page, now);
  drawCharts(page, now);
  drawCoverage(page);
  drawTail(page, now);
  drawJournal(page, now);
}

function drawLink() {
  const words = {
    connecting: "connecting",
    live: "live",
    lost: `connection lost since ${clock(link.since + link.offsetMs, serverNow())}; reconnecting`,
    ended: "the run has ended, and this server with it; chainfill serve shows the archive again",
  };
  $("link").dataset.state = link.state;
  document.body.dataset.link = link.state;
  text("link-words", words[link.state]);
}

function tick() {
  drawLink();
  if (!page) return;
  const now = serverNow();
  const age = Date.now() - link.heardAt;
  const old = link.state === "live" && age > OLD_MS;
  show("stale", old);
  if (old) text("stale", `No news from the store for ${span(age)}: what is shown is from ${clock(Date.parse(page.at), now)}.`);
  text("last-look", `Last look at the store: ${clock(Date.parse(page.at), now)}`);
  text("zone", `Times are in ${zoneName()} (${offset(now)}).`);
  tickVerdict(page, now);
  if (page.total !== undefined) {
    drawTimeline(page, now);
    drawThrottle(page, now);
  }
}

open({
  hello(news) {
    if (hello && hello.version !== news.version) location.reload();
    if (hello && hello.start !== news.start) renewToken();
    hello = news;
    setZone(news.zone);
    text("version", news.version);
  },
  status(news) {
    // A zone without a name is known by its offset alone, which the seasons change.
    if (/^[+-]/.test(hello.zone) && news.utc_offset_s !== undefined) setOffset(news.utc_offset_s);
    draw(news);
    tick();
  },
  changed: drawLink,
});
setInterval(tick, TICK_MS);
addEventListener("themed", () => {
  drawCharts(page, serverNow(), true);
  repaintMap();
});

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const source = $(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      text(button, "Copied");
    } catch {
      getSelection().selectAllChildren(source);
      text(button, "Selected");
    }
    setTimeout(() => text(button, "Copy"), 2000);
  });
}
