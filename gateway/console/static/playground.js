// The playground: one conversation with a model, over the interface that every client uses.
// The key stays in its field: it is in no storage and no address. Whatever a model says is shown as text, never as markup.

const place = document.querySelector(".playground");
const words = place.dataset;
const prices = JSON.parse(words.prices);
const by_id = (id) => document.getElementById(id);
const number = new Intl.NumberFormat(words.language, { maximumFractionDigits: 1 });
const milliseconds = new Intl.NumberFormat(words.language, { style: "unit", unit: "millisecond", maximumFractionDigits: 0 });
const RAW_CHARS_MAX = 200000;
let conversation = [];
let running = null;
let sent = null;

function request_body() {
  const body = { model: by_id("model").value.trim(), max_tokens: Math.max(1, Math.trunc(Number(by_id("max").value)) || 1) };
  if (by_id("stream").checked) body.stream = true;
  if (by_id("system").value.trim()) body.system = by_id("system").value;
  body.messages = [...conversation, { role: "user", content: by_id("prompt").value }];
  return body;
}

function shell_quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function as_curl(body) {
  const head = `curl${body.stream ? " -N" : ""} ${words.base}/v1/messages`;
  const lines = [head, `-H "x-api-key: $GATEWAY_KEY"`, `-H "anthropic-version: 2023-06-01"`, `-H "content-type: application/json"`];
  return [...lines, `-d ${shell_quoted(JSON.stringify(body))}`].join(" \\\n  ");
}

function arguments_of(body, write) {
  return Object.entries(body).filter(([name]) => name !== "stream").map(([name, value]) => write(name, JSON.stringify(value)));
}

function as_python(body) {
  const given = arguments_of(body, (name, value) => `    ${name}=${value},`).join("\n");
  const start = `import os\nfrom anthropic import Anthropic\n\nclient = Anthropic(base_url="${words.base}", api_key=os.environ["GATEWAY_KEY"])\n`;
  if (body.stream) {
    return `${start}with client.messages.stream(\n${given}\n) as stream:\n    for text in stream.text_stream:\n        print(text, end="", flush=True)`;
  }
  return `${start}message = client.messages.create(\n${given}\n)\nprint(message.content[0].text)`;
}

function as_typescript(body) {
  const given = arguments_of(body, (name, value) => `  ${name}: ${value},`).join("\n");
  const start = `import Anthropic from "@anthropic-ai/sdk";\n\nconst client = new Anthropic({ baseURL: "${words.base}", apiKey: process.env.GATEWAY_KEY });\n`;
  if (body.stream) {
    return `${start}const stream = client.messages.stream({\n${given}\n});\nstream.on("text", (text) => process.stdout.write(text));\nawait stream.finalMessage();`;
  }
  return `${start}const message = await client.messages.create({\n${given}\n});\nconsole.log(message.content);`;
}

function show_copies() {
  // With nothing typed since, what was sent last is what somebody wants to copy.
  const body = sent && !by_id("prompt").value ? sent : request_body();
  for (const [name, write] of [["curl", as_curl], ["python", as_python], ["typescript", as_typescript]]) {
    by_id(`as-${name}`).querySelector("code").textContent = write(body);
  }
}

function say(text) {
  by_id("problem").textContent = text;
  by_id("problem").hidden = !text;
}

function turn(who, text) {
  const made = document.createElement("div");
  const head = document.createElement("h3");
  const said = document.createElement("p");
  head.textContent = who;
  said.textContent = text;
  made.append(head, said);
  by_id("talk").append(made);
  return said;
}

function raw(text) {
  const place_of_raw = by_id("raw");
  if (place_of_raw.textContent.length < RAW_CHARS_MAX) place_of_raw.append(text);
}

// One answer as it comes: text so far, usage, and when the first word and the last came.
class Answer {
  constructor(said) {
    this.said = said;
    this.text = "";
    this.usage = {};
    this.began_ms = performance.now();
    this.first_ms = 0;
    this.problem = "";
    this.whole = false;
  }

  take(event) {
    if (event.type === "message_start") Object.assign(this.usage, event.message.usage);
    if (event.type === "content_block_delta" && typeof event.delta.text === "string") this.add(event.delta.text);
    if (event.type === "message_delta") Object.assign(this.usage, event.usage);
    if (event.type === "message_stop") this.whole = true;
    if (event.type === "error") this.problem = event.error?.message ? `${words.failed} (${event.error.message})` : words.failed;
  }

  add(text) {
    this.first_ms ||= performance.now();
    this.text += text;
    this.said.textContent = this.text;
  }

  figures(model) {
    const now_ms = performance.now();
    by_id("ttft").textContent = this.first_ms ? milliseconds.format(this.first_ms - this.began_ms) : "–";
    const tokens = this.usage.output_tokens ?? 0;
    const seconds = (now_ms - (this.first_ms || this.began_ms)) / 1000;
    by_id("speed").textContent = tokens && this.first_ms && seconds > 0.05 ? number.format(tokens / seconds) : "–";
    by_id("usage").textContent = this.usage.input_tokens === undefined ? "–" : `${number.format(this.usage.input_tokens)} / ${number.format(tokens)}`;
    by_id("cost").textContent = cost(model, this.usage);
  }
}

function cost(model, usage) {
  const price = prices[model];
  if (!price?.input || usage.input_tokens === undefined) return "–";
  const parts = [["input", "input_tokens"], ["output", "output_tokens"], ["cache_read", "cache_read_input_tokens"], ["cache_write_5m", "cache_creation_input_tokens"]];
  const sum = parts.reduce((so_far, [name, field]) => so_far + (Number(price[name]) * (usage[field] ?? 0)) / 1e6, 0);
  return new Intl.NumberFormat(words.language, { style: "currency", currency: "USD", maximumFractionDigits: 6 }).format(sum);
}

async function read_events(answer, response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    raw(value);
    const events = (rest + value).split(/\r?\n\r?\n/);
    rest = events.pop();
    for (const event of events) {
      const data = event.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim()).join("\n");
      if (data) answer.take(JSON.parse(data));
    }
  }
}

async function call(answer, body, signal) {
  const headers = { "content-type": "application/json", "anthropic-version": "2023-06-01", "x-api-key": by_id("key").value.trim() };
  const response = await fetch(words.path, { method: "POST", headers, body: JSON.stringify(body), signal });
  if (!response.ok) {
    const text = await response.text();
    raw(text);
    try {
      answer.problem = `${words.failed} (${response.status}: ${JSON.parse(text).error.message})`;
    } catch {
      answer.problem = `${words.failed} (${response.status})`;
    }
  } else if (body.stream) {
    await read_events(answer, response);
    if (!answer.whole) answer.problem ||= words.failed;
  } else {
    const text = await response.text();
    raw(text);
    const message = JSON.parse(text);
    answer.usage = message.usage;
    answer.add(message.content.filter((block) => block.type === "text").map((block) => block.text).join(""));
    answer.whole = true;
  }
}

async function send(event) {
  event.preventDefault();
  if (running) return;
  say("");
  const body = request_body();
  sent = body;
  running = new AbortController();
  by_id("raw").textContent = "";
  turn(words.you, by_id("prompt").value);
  const answer = new Answer(turn(words.model, words.running));
  by_id("send").disabled = true;
  by_id("stop").disabled = false;
  try {
    await call(answer, body, running.signal);
  } catch (error) {
    answer.problem = error.name === "AbortError" ? words.stopped : words.failed;
  }
  if (!answer.text) answer.said.textContent = "";
  answer.figures(body.model);
  say(answer.problem);
  if (answer.whole && answer.text) {
    conversation = [...body.messages, { role: "assistant", content: answer.text }];
    by_id("prompt").value = "";
  }
  running = null;
  by_id("send").disabled = false;
  by_id("stop").disabled = true;
  show_copies();
}

by_id("ask").addEventListener("submit", send);
by_id("ask").addEventListener("input", show_copies);
by_id("stop").addEventListener("click", () => running?.abort());
by_id("clear").addEventListener("click", () => {
  conversation = [];
  sent = null;
  by_id("talk").replaceChildren();
  by_id("raw").textContent = "";
  say("");
  show_copies();
});
show_copies();
