// Numbers and times in words, as the terminal has them.

let zone = undefined;
let asked = undefined;
let offsets = undefined;

/** The time zone of what people read; one that this browser does not know is replaced by its own. */
export function setZone(name) {
  asked = name;
  try {
    new Intl.DateTimeFormat("en-GB", { timeZone: name });
    zone = name;
  } catch {
    zone = undefined;
  }
  offsets = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeZoneName: "longOffset" });
  format.time = format.day = undefined;
}

const format = { time: undefined, day: undefined };
const timeFormat = () => (format.time ??= new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }));
const dayFormat = () => (format.day ??= new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" }));

/** The time zone where only its offset is known. */
export function setOffset(offsetS) {
  const min = Math.trunc(Math.abs(offsetS) / 60);
  const two = (number) => String(number).padStart(2, "0");
  const name = `${offsetS < 0 ? "-" : "+"}${two(Math.trunc(min / 60))}:${two(min % 60)}`;
  if (name !== asked) setZone(name);
}

/** `UTC+08:00` at a moment. */
export function offset(at) {
  offsets ?? setZone(undefined);
  const part = offsets.formatToParts(at).find((one) => one.type === "timeZoneName")?.value ?? "GMT";
  const hours = part.replace("GMT", "");
  return `UTC${hours === "" ? "+00:00" : hours}`;
}

/** The zone's name. */
export const zoneName = () => zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;

/** `13:20:15`, or `13:20`; with the date where that is not today's. */
export function clock(at, now, seconds = true) {
  const words = seconds ? timeFormat().format(at) : timeFormat().format(at).slice(0, 5);
  const day = dayFormat().format(at);
  return day === dayFormat().format(now) ? words : `${day} ${words}`;
}

/** `14:10 – 14:40`: to the second where it is near. */
export function range(low, high, now) {
  const near = high - now < 600_000;
  const [from, to] = [clock(low, now, near), clock(high, now, near)];
  if (from === to) return from;
  const [day, rest] = to.split(" ");
  return rest && from.startsWith(`${day} `) ? `${from} – ${rest}` : `${from} – ${to}`;
}

/** `17,529`. */
export const grouped = (number) => Math.trunc(number).toString().replace(/\B(?=(\d{3})+$)/g, ",");

/** `+1,204`, `−3`, `±0`. */
export const change = (number) => (number > 0 ? `+${grouped(number)}` : number < 0 ? `−${grouped(-number)}` : "±0");

/** `1 option`, `2 options`. */
export const counted = (number, noun) => `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`;

/** `18.3 %`, never rounded up: 100 % is said of a whole only. */
export const percent = (part, whole) => (whole > 0 ? `${(Math.floor((part * 1000) / whole) / 10).toFixed(1)} %` : "–");

/** `52.3 MB`, in powers of a thousand. */
export function bytes(count) {
  let [size, unit] = [count, 0];
  const units = ["B", "kB", "MB", "GB", "TB"];
  while (size >= 1000 && unit < units.length - 1) [size, unit] = [size / 1000, unit + 1];
  return unit === 0 ? `${size} B` : `${(Math.floor(size * 10) / 10).toFixed(1)} ${units[unit]}`;
}

/** `2 h 10 min`, `31 min 12 s`, `4 s`. */
export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** `31:12`, `1:02:03`: a countdown, rounded up so that 0 means now. */
export function countdown(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  const [h, m, rest] = [Math.floor(s / 3600), Math.floor((s % 3600) / 60), String(s % 60).padStart(2, "0")];
  return h > 0 ? `${h}:${String(m).padStart(2, "0")}:${rest}` : `${m}:${rest}`;
}

/** `4.8`, `0.35`, `120`. */
export function rate(perS) {
  if (perS >= 100) return grouped(Math.round(perS));
  if (perS >= 1) return perS.toFixed(1);
  return perS > 0 ? perS.toPrecision(2) : "0";
}

/** A text with what steers, hides, or turns the direction of writing spelt out (X1). */
export const safe = (words) =>
  String(words).replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
    (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
