// The calculator: asks for counts while somebody types, not more than once in half a second, and fills in the tables.
// The text goes to this gateway and nowhere else; nothing of it is kept here.

const form = document.querySelector(".calculator");
const words = form.dataset;
const problem = document.getElementById("problem");
const number = new Intl.NumberFormat(words.language);
const WAIT_MS = 500;
let timer = 0;
let asked = 0;

function dollars(text) {
  const value = Number(text);
  const digits = value >= 1 || value === 0 ? 2 : 6;
  return new Intl.NumberFormat(words.language, { style: "currency", currency: "USD", minimumFractionDigits: 2, maximumFractionDigits: digits }).format(value);
}

function cell(tag, text, label = "", kind = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (label) made.dataset.label = label;
  if (kind) made.className = kind;
  return made;
}

function show_families(families) {
  for (const one of families) {
    const cells = document.querySelector(`#families [data-family="${one.family}"]`).querySelectorAll("td");
    cells[0].textContent = number.format(one.tokens);
    cells[1].textContent = one.low === one.high ? number.format(one.tokens) : `${number.format(one.low)} – ${number.format(one.high)}`;
    cells[2].textContent = one.method === "vocabulary" ? words.vocabulary : `${words.estimate} ±${one.band_percent} %`;
  }
}

function row(model) {
  const made = document.createElement("tr");
  const name = cell("th", model.display_name);
  name.scope = "row";
  name.append(document.createElement("br"), cell("code", model.id));
  const source = model.assumed ? `${model.price_row} (${words.assumed})` : model.price_row;
  made.append(
    name,
    cell("td", number.format(model.input_tokens), words.tokens, "num"),
    cell("td", dollars(Number(model.input_usd) + Number(model.cached_usd)), words.input, "num"),
    cell("td", dollars(model.output_usd), words.output, "num"),
    cell("td", dollars(model.cost_usd), words.cost, "num"),
    cell("td", `${dollars(model.low_usd)} – ${dollars(model.high_usd)}`, words.between, "num"),
    cell("td", source, words.price),
  );
  return made;
}

function show(count) {
  for (const name of ["characters", "words", "bytes"]) document.getElementById(name).textContent = number.format(count[name]);
  show_families(count.families);
  document.getElementById("models").replaceChildren(...count.models.map(row));
  document.getElementById("price-list").textContent = count.price_list;
}

function say(text) {
  problem.textContent = text;
  problem.hidden = !text;
}

function whole(id, most) {
  const value = Math.trunc(Number(document.getElementById(id).value));
  return Number.isFinite(value) ? Math.min(Math.max(value, 0), most) : 0;
}

async function ask() {
  const mine = ++asked;
  const body = { text: document.getElementById("text").value.toWellFormed(), output_tokens: whole("output", 1000000), cached_percent: whole("cached", 100) };
  try {
    const answer = await fetch(words.source, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    if (mine !== asked) return;
    if (answer.ok) {
      const count = await answer.json();
      if (mine !== asked) return;
      say("");
      show(count);
    } else if (answer.status === 429 || answer.status === 503) {
      say(words.later);
      later(1000 * Number(answer.headers.get("retry-after") ?? 2));
    } else {
      say(answer.status === 413 ? words.long : words.failed);
    }
  } catch {
    if (mine === asked) say(words.failed);
  }
}

function later(wait_ms) {
  clearTimeout(timer);
  timer = setTimeout(ask, wait_ms);
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", () => later(WAIT_MS));
ask();
