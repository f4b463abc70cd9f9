// How the run went over time: the points that its progress keeps, drawn by uPlot.

import { $, color, show } from "./dom.js";
import { clock, grouped, rate } from "./words.js";

const HEIGHT = 150;
const [ANSWERS, DONE, ROWS, REFUSED, USED] = [0, 1, 2, 3, 4];

const plots = new Map();
let drawn = "";

/** Draws the three charts where there is anything to draw. */
export function drawCharts(page, now, anew = false) {
  const pulse = page?.progress?.pulse;
  const points = pulse?.points ?? [];
  // The last point is not over: it would always look like a fall.
  const whole = isOver(page, pulse, points, now) ? points : points.slice(0, -1);
  show("charts", whole.length > 1);
  if (whole.length < 2) return;
  const key = `${pulse.since} ${pulse.step_ms} ${whole.length} ${page.progress.quota?.requests}`;
  if (anew) plots.forEach(({ plot }) => plot.destroy()), plots.clear();
  else if (key === drawn) return;
  drawn = key;
  const [since, step] = [Date.parse(pulse.since) / 1000, pulse.step_ms / 1000];
  const x = whole.map((_, at) => since + at * step);
  const per = (field) => whole.map((point) => point[field] / step);
  const refusals = whole.map((point) => (point[REFUSED] > 0 ? point[USED] : null));
  const quota = page.progress.quota?.requests ?? null;
  chart("plot-speed", [x, per(DONE), per(ANSWERS)], [
    { stroke: color("c1"), fill: color("c1-soft"), width: 2 },
    { stroke: color("c2"), width: 1.5, dash: [4, 3] },
  ], `Options a second: ${rate(last(per(DONE)))} now, ${rate(Math.max(...per(DONE)))} at the most.`);
  chart("plot-rows", [x, per(ROWS)], [{ stroke: color("c1"), fill: color("c1-soft"), width: 2 }],
    `New records a second: ${rate(last(per(ROWS)))} now, ${rate(Math.max(...per(ROWS)))} at the most.`);
  // A step without an answer says nothing of the window.
  chart("plot-quota", [x, whole.map((point) => (point[ANSWERS] > 0 ? point[USED] : null)), refusals, x.map(() => quota)], [
    { stroke: color("c3"), fill: color("c3-soft"), width: 2 },
    { stroke: color("bad"), width: 0, points: { show: true, size: 9, fill: color("bad"), width: 0 } },
    { stroke: color("ink-soft"), width: 1, dash: [2, 4] },
  ], `Requests of the window used: ${grouped(last(whole)[USED])}${quota ? ` of ${grouped(quota)}` : ""}.`);
}

const last = (list) => list[list.length - 1];

const isOver = (page, pulse, points, now) =>
  Boolean(page?.run?.ended_at) || now > Date.parse(pulse?.since) + points.length * (pulse?.step_ms ?? 0);

function chart(id, data, series, words) {
  const place = $(id);
  place.setAttribute("aria-label", words);
  const width = Math.floor(place.clientWidth);
  if (width < 40) return;
  const known = plots.get(id);
  if (known) {
    known.plot.setData(data);
    return;
  }
  const axis = {
    stroke: color("ink-soft"), font: "11px system-ui, sans-serif", ticks: { show: false }, grid: { stroke: color("line"), width: 1 },
  };
  const seconds = (from, to) => to - from < 600;
  const plot = new uPlot({
    width, height: HEIGHT, legend: { show: false }, cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    padding: [8, 8, 0, 0],
    scales: { x: { time: true }, y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } },
    axes: [
      { ...axis, grid: { show: false }, size: 26, space: 80, values: (u, splits) => splits.map((at) => clock(at * 1000, at * 1000, seconds(u.scales.x.min, u.scales.x.max))) },
      { ...axis, size: 44, space: 32, values: (_, splits) => splits.map((value) => (value >= 10_000 ? `${value / 1000}k` : String(value))) },
    ],
    series: [{}, ...series.map((one) => ({ points: { show: false }, spanGaps: false, ...one }))],
  }, data, place);
  plots.set(id, { plot });
}

new ResizeObserver(() => {
  for (const [id, { plot }] of plots) {
    const width = Math.floor($(id).clientWidth);
    if (width >= 40 && width !== plot.width) plot.setSize({ width, height: HEIGHT });
  }
}).observe($("charts"));
