// Charts, drawn from the tables that stand beside them: what is not in a table is in no chart. Needs the global uPlot.
// data-chart is "stack" or "lines"; a column's data-tone names its colour in the stylesheet, a cell's data-v its value.

import { color } from "./page.js";

const DASHES = [[], [6, 4], [2, 3], [8, 3, 2, 3], [1, 3], [10, 4]];
const drawn = new Map();

function read(figure) {
  const heads = [...figure.querySelectorAll("thead th[data-tone]")];
  const rows = [...figure.querySelectorAll("tbody tr")];
  return {
    names: heads.map((head) => head.textContent),
    tones: heads.map((head) => head.dataset.tone),
    x: rows.map((row) => Number(row.querySelector("[data-x]").dataset.x)),
    columns: heads.map((_, place) => rows.map((row) => {
      const value = row.querySelectorAll("[data-v]")[place].dataset.v;
      return value === "" ? null : Number(value);
    })),
  };
}

function stacked(columns) {
  const sums = new Array(columns[0]?.length ?? 0).fill(0);
  return columns.map((column) => column.map((value, place) => (sums[place] += value ?? 0)));
}

// Few values may stand alone, where a line has nothing to connect them with: they are drawn as points too.
function is_sparse(column) {
  return column.filter((value) => value !== null).length < 60;
}

// Labels of the time axis as people of this language write them: hours, with the day below where it begins; or days.
function labels(zone) {
  const language = document.documentElement.lang;
  const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: zone });
  const hour = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone });
  return (chart, ticks, axis, space, step_s) => ticks.map((tick, place) => {
    const moment = new Date(tick * 1000), its_day = day.format(moment);
    if (step_s >= 86400) return its_day;
    const is_new = place === 0 || day.format(new Date(ticks[place - 1] * 1000)) !== its_day;
    return is_new ? `${hour.format(moment)}\n${its_day}` : hour.format(moment);
  });
}

// uPlot's time axis in the zone that the page is in.
function in_zone(zone) {
  return (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone);
}

function options(canvas, found, kind) {
  const line = color("--line"), soft = color("--soft");
  const compact = new Intl.NumberFormat(document.documentElement.lang, { notation: "compact", maximumFractionDigits: 1 });
  const zone = canvas.closest("[data-zone]")?.dataset.zone || "UTC";
  const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "11px system-ui" };
  const series = found.names.map((name, place) => {
    const tone = color(`--${found.tones[place]}`);
    return kind === "stack"
      ? { label: name, stroke: tone, fill: tone, width: 0, paths: uPlot.paths.bars({ size: [0.9, 60], gap: 0 }), points: { show: false } }
      : { label: name, stroke: tone, width: 2, dash: DASHES[place % DASHES.length], spanGaps: false, points: { show: is_sparse(found.columns[place]), size: 5, fill: tone } };
  });
  return {
    width: canvas.clientWidth,
    height: 220,
    tzDate: in_zone(zone),
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    scales: { x: { time: true }, y: { range: (_, low, high) => [0, Math.max(high * 1.08, 1)] } },
    axes: [{ ...axis, values: labels(zone), space: 64 }, { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => compact.format(tick)) }],
    series: [{}, ...series],
  };
}

function legend(figure, found) {
  let list = figure.querySelector(".legend");
  if (!list) {
    list = document.createElement("ul");
    list.className = "legend";
    figure.querySelector(".canvas").after(list);
  }
  list.replaceChildren(...found.names.map((name, place) => {
    const item = document.createElement("li");
    const mark = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    mark.setAttribute("viewBox", "0 0 10 10");
    mark.setAttribute("width", "10");
    mark.setAttribute("height", "10");
    const square = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    square.setAttribute("width", "10");
    square.setAttribute("height", "10");
    square.setAttribute("fill", color(`--${found.tones[place]}`));
    mark.append(square);
    item.append(mark, ` ${name}`);
    return item;
  }));
}

export function draw(within = document) {
  for (const canvas of within.querySelectorAll(".canvas[data-chart]")) {
    const figure = canvas.closest("figure");
    const found = read(figure);
    drawn.get(canvas)?.destroy();
    if (!found.x.length) continue;
    const kind = canvas.dataset.chart;
    // Bars of a stack are drawn from the highest sum down, each over the one before.
    const columns = kind === "stack" ? stacked(found.columns) : found.columns;
    const order = kind === "stack" ? columns.map((_, place) => columns.length - 1 - place) : columns.map((_, place) => place);
    const [names, tones, values] = [found.names, found.tones, columns].map((list) => order.map((at) => list[at]));
    drawn.set(canvas, new uPlot(options(canvas, { names, tones, columns: values }, kind), [found.x, ...values], canvas));
    legend(figure, found);
  }
}

let waiting = 0;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => draw(), 150);
});
document.addEventListener("themechange", () => draw());
draw();
