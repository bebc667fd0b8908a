// Small drawings that need no zoom: shares as a bar, what was in flight when, distributions.
function shares(parts, total) {
  const sum = parts.reduce((all, [, value]) => all + (value || 0), 0), whole = Math.max(total || 0, sum);
  const rest = whole - sum;
  const every = rest > whole * 0.0005 ? [...parts, ["unaccounted", rest]] : parts;
  const stack = make("div", { class: "stack", role: "img", "aria-label": "time by kind" });
  const legend = make("div", { class: "legend" });
  for (const [role, value] of every) {
    if (!value || !whole) continue;
    const piece = make("span", { title: `${roleName(role)}: ${show.ms(value)}, ${show.share(value / whole)}` });
    piece.style.width = `${(value / whole) * 100}%`;
    piece.style.background = role === "unaccounted" ? `repeating-linear-gradient(45deg, ${css("--line")} 0 4px, transparent 4px 8px)` : color(role);
    stack.append(piece);
    legend.append(make("span", {}, role === "unaccounted" ? null : swatch(role), roleName(role), " ", make("b", {}, show.ms(value)), ` ${show.share(value / whole)}`));
  }
  return make("div", {}, stack, legend);
}

function roleName(role) { return role === "unaccounted" ? "not accounted for" : DATA.roles[role] || role; }

function niceSteps(high, about) {
  const raw = high / about, power = 10 ** Math.floor(Math.log10(raw || 1));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) || power;
  const places = [];
  for (let n = 0; n * step <= high * 1.0001; n++) places.push(n * step);
  return places;
}

function timeSteps(low, high, about) {
  const span = Math.max(high - low, 1e-6), wanted = span / about;
  const small = [];
  for (let e = -4; e < 4; e++) for (const m of [1, 2, 5]) if (m * 10 ** e < 10000) small.push(m * 10 ** e);
  const large = [10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400].map((s) => s * 1000);
  const step = [...small, ...large].find((s) => s >= wanted) || 10 ** Math.ceil(Math.log10(wanted));
  const places = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n++) places.push(n * step);
  return places;
}

// Texts for the ticks of an axis, all in one unit; where minutes or hours are too coarse, with the next smaller unit: `5 min 40 s`.
function axisText(high, step) {
  const at = UNITS.findIndex(([size, , least]) => high >= size * least), [size, name] = UNITS[at < 0 ? 4 : at];
  const places = (unit) => Math.max(0, Math.min(6, Math.ceil(-Math.log10((step || unit) / unit) - 1e-9)));
  const coarse = name === "h" || name === "min", [inner, innerName] = coarse ? UNITS[at + 1] : [size, name];
  return (value) => {
    if (Math.abs(value) < 1e-9) return "0";
    if (!coarse || step % size < 1e-6) return `${Number((value / size).toFixed(places(size)))} ${name}`;
    const whole = Math.floor(value / size + 1e-9), rest = Number(((value - whole * size) / inner).toFixed(places(inner)));
    return whole ? `${whole} ${name}${rest ? ` ${rest} ${innerName}` : ""}` : `${rest} ${innerName}`;
  };
}

// Mean number in flight, stacked by role; the line is simulations.
function flowChart() {
  const { roles, simulations } = DATA.flow, bins = simulations.length, W = 1200, H = 190, left = 34, bottom = 20;
  const sums = simulations.map((_, bin) => Object.values(roles).reduce((sum, levels) => sum + levels[bin], 0));
  const top = Math.max(1, ...simulations, ...sums) * 1.05;
  const x = (bin) => left + (bin / bins) * (W - left), y = (level) => (H - bottom) * (1 - level / top) + 2;
  const svg = draw("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": "calls and simulations in flight over time" });
  for (const level of niceSteps(top, 4).filter((one) => Number.isInteger(one))) {
    svg.append(draw("line", { x1: left, x2: W, y1: y(level), y2: y(level), class: "axis" }), draw("text", { x: left - 6, y: y(level) + 4, "text-anchor": "end" }, show.int(level)));
  }
  const below = new Array(bins).fill(0);
  for (const role of LANES) {
    if (!roles[role]) continue;
    const upper = roles[role].map((level, bin) => below[bin] + level);
    const path = draw("path", { d: `${steps(upper, x, y)} ${steps(below, x, y, true)} Z`, fill: color(role) });
    path.append(draw("title", {}, roleName(role)));
    svg.append(path);
    upper.forEach((level, bin) => { below[bin] = level; });
  }
  svg.append(draw("path", { d: steps(simulations, x, y), class: "ink", "stroke-width": 1.4 }));
  const places = timeSteps(0, RUN_MS, 10), text = axisText(RUN_MS, places[1]);
  for (const place of places) svg.append(draw("text", { x: left + (place / RUN_MS) * (W - left), y: H - 4, "text-anchor": place ? "middle" : "start" }, text(place)));
  return make("div", {}, svg, legendOf(LANES.filter((role) => roles[role])));
}

function steps(levels, x, y, back) {
  const points = [];
  levels.forEach((level, bin) => points.push(`${x(bin).toFixed(1)},${y(level).toFixed(1)}`, `${x(bin + 1).toFixed(1)},${y(level).toFixed(1)}`));
  if (back) points.reverse();
  return `${back ? "L" : "M"}${points.join(" L")}`;
}

function legendOf(roles) { return make("div", { class: "legend" }, roles.map((role) => make("span", {}, swatch(role), roleName(role)))); }

// One histogram: {role, unit, edges, counts, log, marks: [[name, value]], n}.
function histogram({ role, unit, edges, counts, log, marks, n }) {
  const W = 460, H = 210, left = 40, bottom = 22, top = Math.max(...counts, 1) * 1.45;
  const scale = log ? Math.log : (value) => value;
  const low = scale(edges[0]), high = scale(edges[edges.length - 1]);
  const x = (value) => left + ((scale(value) - low) / (high - low || 1)) * (W - left - 6), y = (count) => (H - bottom) * (1 - count / top);
  const write = unit === "ms" ? show.ms : show.count;
  const svg = draw("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `${roleName(role)}: ${marks.map(([mark, value]) => `${mark} ${write(value)}`).join(", ")}` });
  for (const level of niceSteps(top, 4)) {
    svg.append(draw("line", { x1: left, x2: W, y1: y(level), y2: y(level), class: "axis" }), draw("text", { x: left - 5, y: y(level) + 4, "text-anchor": "end" }, show.count(level)));
  }
  counts.forEach((count, bin) => {
    if (!count) return;
    const bar = draw("rect", { x: x(edges[bin]), y: y(count), width: Math.max(1, x(edges[bin + 1]) - x(edges[bin]) - 0.4), height: y(0) - y(count), fill: color(role) });
    bar.append(draw("title", {}, `${write(edges[bin])} to ${write(edges[bin + 1])}: ${show.int(count)} calls`));
    svg.append(bar);
  });
  const labels = [], same = write(marks[0][1]) === write(marks[marks.length - 1][1]);
  (same ? [["p50 to p99", marks[0][1]]] : marks).forEach(([mark, value], number) => {
    const px = x(Math.min(Math.max(value, edges[0]), edges[edges.length - 1])), py = 11 + 15 * number, right = px > W * 0.62;
    svg.append(draw("line", { x1: px, x2: px, y1: py - 8, y2: H - bottom, class: "ink", "stroke-dasharray": "4 3" }));
    labels.push(draw("text", { x: px + (right ? -5 : 5), y: py, "text-anchor": right ? "end" : "start", class: "mark" }, `${mark} ${write(value)}`));
  });
  svg.append(...labels);
  const places = log ? decades(edges[0], edges[edges.length - 1]) : unit === "ms" ? timeSteps(edges[0], edges[edges.length - 1], 6) : niceSteps(edges[edges.length - 1], 5).filter((p) => p >= edges[0]);
  for (const place of places) svg.append(draw("text", { x: x(place), y: H - 6, "text-anchor": "middle" }, write(place)));
  return make("section", { class: "card" }, make("h2", {}, swatch(role), roleName(role), " ", make("span", { class: "hint" }, `${show.int(n)} calls${log ? ", log axis" : ""}`)), svg);
}

function decades(low, high) {
  const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9), whole = [], fine = [];
  for (let e = first; e <= last; e++) whole.push(10 ** e);
  if (whole.length > 7) return whole.filter((_, n) => n % 2 === 0);
  if (whole.length >= 3) return whole;
  for (let e = first - 1; e <= last; e++) for (const m of [1, 2, 5]) if (m * 10 ** e >= low && m * 10 ** e <= high) fine.push(m * 10 ** e);
  return fine;
}
