// The coverage map: a column an expiry, a cell an option. It knows cells and colours, and nothing of options.

import { color } from "./dom.js";

const COLUMN = [5, 26];
const CELL = [3, 10];
const HEIGHT_MAX = 240;
const AXIS = 22;
const LETTERS = { s: "stored", e: "empty", p: "pending", a: "attention" };

/** The name of a cell's state. */
export const stateOf = (letter) => LETTERS[letter] ?? "pending";

/** Lays the expiries out for so much room. */
export function layout(expiries, room) {
  const most = Math.max(1, ...expiries.map((one) => one.cells.length));
  const column = Math.min(COLUMN[1], Math.max(COLUMN[0], Math.floor(room / Math.max(1, expiries.length))));
  const cell = Math.min(CELL[1], Math.max(CELL[0], Math.floor(HEIGHT_MAX / most)));
  return { column, cell, most, width: column * expiries.length, height: cell * most + AXIS };
}

/** Paints it; `at` is the cell that the keys are on, `[column, row]`. */
export function paint(canvas, expiries, plan, at) {
  const scale = Math.min(3, devicePixelRatio || 1);
  // A canvas has a greatest size: a very long map is painted coarser.
  const fine = Math.min(scale, 16_000 / Math.max(1, plan.width));
  canvas.width = Math.max(1, Math.round(plan.width * fine));
  canvas.height = Math.round(plan.height * fine);
  canvas.style.width = `${plan.width}px`;
  canvas.style.height = `${plan.height}px`;
  const brush = canvas.getContext("2d");
  brush.scale(fine, fine);
  const colors = Object.fromEntries(Object.values(LETTERS).map((name) => [name, color(`s-${name}`)]));
  const floor = plan.cell * plan.most;
  const gap = plan.column > 6 ? 1.5 : 1;
  expiries.forEach((expiry, x) => {
    [...expiry.cells].forEach((letter, row) => {
      const state = stateOf(letter);
      const [left, top] = [x * plan.column, floor - (row + 1) * plan.cell];
      brush.fillStyle = colors[state];
      brush.fillRect(left, top, plan.column - gap, plan.cell - (plan.cell > 3 ? 1 : 0.5));
    });
    if (expiry.cells.includes("a")) mark(brush, x * plan.column + plan.column / 2, floor + 2, color("s-attention"));
  });
  axis(brush, expiries, plan, floor);
  if (at && expiries[at[0]]) {
    brush.strokeStyle = color("ink");
    brush.lineWidth = 2;
    brush.strokeRect(at[0] * plan.column - 1, floor - (at[1] + 1) * plan.cell - 1, plan.column + 1, plan.cell + 1);
  }
}

/** A triangle below an expiry that needs attention: it is seen without colours as well. */
function mark(brush, x, y, fill) {
  brush.fillStyle = fill;
  brush.beginPath();
  brush.moveTo(x, y);
  brush.lineTo(x + 4, y + 6);
  brush.lineTo(x - 4, y + 6);
  brush.fill();
}

/** Years, or months where there is room. */
function axis(brush, expiries, plan, floor) {
  brush.font = "11px system-ui, sans-serif";
  brush.fillStyle = color("ink-soft");
  let free = -Infinity;
  let told = "";
  expiries.forEach((one, x) => {
    const words = one.expiry ? one.expiry.slice(0, 7) : "?";
    if (words === told || x * plan.column < free) return;
    const width = brush.measureText(words).width;
    if (x * plan.column + width > plan.width && x > 0) return;
    brush.fillText(words, x * plan.column, floor + 19);
    [told, free] = [words, x * plan.column + width + 14];
  });
}

/** The cell under a point, `[column, row]`; null where there is none. */
export function cellAt(expiries, plan, x, y) {
  const column = Math.floor(x / plan.column);
  const row = plan.most - 1 - Math.floor(y / plan.cell);
  const expiry = expiries[column];
  return expiry && row >= 0 && row < expiry.cells.length ? [column, row] : null;
}
