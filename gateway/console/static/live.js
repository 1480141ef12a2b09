// Keeps #live up to date: asks every few seconds, never in a hidden tab; on a switch has it sent by events instead.
// A browser opens six connections to a server at most, so of all tabs one holds the stream and tells the others. Whoever hears
// nothing asks: a tab with another span, all of them while the stream is broken off or was refused.

const place = document.getElementById("live");
const push = document.getElementById("push");
const EVERY_MS = 5000;
const STALE_MS = 40000;
const AGAIN_MS = 15000;

let tag = "";
let timer = 0;
let source = null;
let again = 0;
let let_go = null;
let heard_ms = -STALE_MS;
const channel = "BroadcastChannel" in window ? new BroadcastChannel(`live ${place.dataset.events}`) : null;

function show(html) {
  // A page of ours, made by our server with everything escaped; what is under the pointer or has the focus is left alone.
  if (place.contains(document.activeElement) || place.matches(":hover:has(a:hover)")) return;
  place.innerHTML = html;
}

// What was sent; nothing when the stream is broken off.
function hear(html) {
  heard_ms = html ? performance.now() : -STALE_MS;
  if (html) show(html);
}

function isPushed() {
  return push.getAttribute("aria-pressed") === "true";
}

async function look() {
  clearTimeout(timer);
  if (!document.hidden && !(isPushed() && performance.now() - heard_ms < STALE_MS)) {
    try {
      const answer = await fetch(place.dataset.source, { headers: tag ? { "if-none-match": tag, "hx-request": "true" } : { "hx-request": "true" } });
      if (answer.status === 401) return location.reload();
      if (answer.status === 200) {
        tag = answer.headers.get("etag") ?? "";
        show(await answer.text());
      }
    } catch {
      // The gateway restarts: the next look finds it.
    }
  }
  timer = setTimeout(look, EVERY_MS);
}

function tell(html) {
  hear(html);
  channel?.postMessage(html);
}

function listen() {
  source = new EventSource(place.dataset.events);
  source.addEventListener("live", (event) => tell(event.data));
  source.addEventListener("error", () => {
    tell("");
    // Broken off, the browser tries again by itself; refused, it does not.
    if (source?.readyState === EventSource.CLOSED) again = setTimeout(listen, AGAIN_MS);
  });
}

function follow() {
  navigator.locks.request("sluice live", () => new Promise((done) => {
    if (!isPushed()) return done();
    let_go = done;
    listen();
  }));
}

function stop() {
  clearTimeout(again);
  source?.close();
  source = null;
  let_go?.();
  let_go = null;
}

channel?.addEventListener("message", (event) => {
  if (isPushed()) hear(event.data);
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) look();
});
if (navigator.locks && "EventSource" in window) {
  push.hidden = false;
  push.addEventListener("click", () => {
    const on = !isPushed();
    push.setAttribute("aria-pressed", String(on));
    if (on) follow();
    else stop();
  });
}
timer = setTimeout(look, EVERY_MS);
