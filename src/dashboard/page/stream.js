// The news: a stream of events, opened again whenever it breaks.

/** News do not come so late without a clock that was stepped. */
const STEP_MS = 10_000;

const AGAIN_MS = [500, 1000, 2000, 4000];

/** Where things stand with the server. */
export const link = { state: "connecting", since: Date.now(), heardAt: 0, offsetMs: 0, ended: false };

let offsets = [];

/** What time it is at the server. */
export const serverNow = () => Date.now() + link.offsetMs;

/** Opens the stream; `hello`, `status` and `changed` are told what comes. */
export function open({ hello, status, changed }) {
  let tries = 0;
  let beside = false;
  let source;
  const turn = (state) => {
    if (link.state !== state) Object.assign(link, { state, since: Date.now() });
    changed();
  };
  const connect = () => {
    source = new EventSource("/api/events");
    source.addEventListener("hello", (event) => {
      tries = 0;
      offsets = [];
      link.ended = false;
      const news = JSON.parse(event.data);
      beside = news.beside_run;
      hello(news);
      turn("live");
    });
    source.addEventListener("status", (event) => {
      const page = JSON.parse(event.data);
      link.heardAt = Date.now();
      // What came the fastest is nearest to the truth.
      const offset = Date.parse(page.at) - Date.now();
      // A clock that was stepped, here or there, makes the earlier ones worth nothing.
      if (Math.abs(offset - link.offsetMs) > STEP_MS) offsets = [];
      offsets = [...offsets, offset].slice(-20);
      link.offsetMs = Math.max(...offsets);
      status(page);
    });
    source.addEventListener("bye", () => {
      link.ended = beside; // a server of its own is expected to come back
      source.close();
      again();
    });
    source.onerror = () => {
      source.close();
      again();
    };
  };
  const again = () => {
    turn(link.ended ? "ended" : "lost");
    setTimeout(connect, AGAIN_MS[Math.min(tries++, AGAIN_MS.length - 1)]);
  };
  connect();
}

/** Asks for JSON; a failure is an error in words. */
export async function ask(path) {
  const response = await fetch(path, { headers: { accept: "application/json" } });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error ?? `the server answered ${response.status}`);
  return body;
}
