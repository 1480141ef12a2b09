// What every page does: copying, the theme without a reload, the browser's time zone, sheets that close.
// A page says all of it without this; nothing here is needed to read one.

const root = document.documentElement;

export function toast(text) {
  const place = document.querySelector(".toasts");
  const note = document.createElement("p");
  note.textContent = text;
  place.replaceChildren(note);
  setTimeout(() => note.remove(), 4000);
}

// The token that every POST of a script has to carry, as the header x-csrf-token.
export function token() {
  return document.querySelector('input[name="csrf"]')?.value ?? "";
}

// The colour that a variable of the stylesheet has at this moment, such as color("--s1"): for canvases.
export function color(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function remember(name, value) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax${secure}`;
}

function show_copy_buttons(within) {
  for (const button of within.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
}

async function copy(button) {
  const words = document.querySelector(".toasts").dataset;
  const text = button.closest(".copy").querySelector("pre").textContent;
  try {
    await navigator.clipboard.writeText(text);
    toast(words.copied);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(button.closest(".copy").querySelector("pre"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    toast(words.failed);
  }
}

function choose_theme(link) {
  const theme = link.dataset.themeChoice;
  root.dataset.theme = theme;
  remember("theme", theme);
  for (const other of document.querySelectorAll("[data-theme-choice]")) {
    if (other.dataset.themeChoice === theme) other.setAttribute("aria-current", "true");
    else other.removeAttribute("aria-current");
  }
  document.dispatchEvent(new CustomEvent("themechange"));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
  const link = event.target.closest("[data-theme-choice]");
  if (link) {
    event.preventDefault();
    choose_theme(link);
  }
  for (const open of document.querySelectorAll("details.person[open], details.confirm[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const open of document.querySelectorAll("details.person[open], details.confirm[open]")) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});

// A form that was sent is not sent again by a second click.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
  setTimeout(() => delete form.dataset.sent, 5000);
});

document.addEventListener("htmx:after:swap", () => show_copy_buttons(document));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new CustomEvent("themechange")));

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && /^[A-Za-z0-9_+/-]{1,64}$/.test(zone) && !document.cookie.includes(`browser_zone=${zone}`)) remember("browser_zone", zone);
show_copy_buttons(document);
// What has to be scrolled sideways must be within reach of the keyboard.
for (const box of document.querySelectorAll(".wide")) if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
