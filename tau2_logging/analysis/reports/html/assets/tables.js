// A table that sorts by any column and filters by words (`refund`), by column (`status:error`) and by number (`reward<1`).
const NUMERIC = new Set(["ms", "usd", "count", "int", "number", "share", "p"]);
const PAGE = 100;

// columns: [{name, label, kind, wide, render(value, row)}]; rows: arrays of values in that order.
function table({ columns, rows, note, link, sort, page = PAGE, mark, always }) {
  const state = { sort: sort || null, words: "", page: 0 };
  const body = make("tbody");
  const pager = make("div", { class: "pager" });
  const heads = columns.map((column, index) => make("th", { scope: "col", hidden: column.hidden, class: NUMERIC.has(column.kind) ? "right" : "" },
    make("button", { type: "button", title: column.title || null, onclick: () => { sortBy(state, index, column); update(); } }, column.label)));
  const search = make("input", {
    type: "search", placeholder: "filter: words, column:word, column>number", "aria-label": "filter the table",
    oninput: () => { state.words = search.value; state.page = 0; update(); },
  });
  const count = make("span", { class: "hint" });
  const folded = rows.map((row) => row.map((cell) => (cell === null ? "" : String(cell))).join("\u0001").toLowerCase());
  function update() {
    let order = filtered(columns, rows, folded, state.words);
    if (state.sort) order = sorted(order, rows, columns, state.sort);
    const pages = Math.max(1, Math.ceil(order.length / page));
    state.page = Math.min(state.page, pages - 1);
    const shown = order.slice(state.page * page, (state.page + 1) * page);
    body.replaceChildren(...shown.map((index) => tableRow(columns, rows[index], link, mark && mark(rows[index]))));
    heads.forEach((head, index) => head.setAttribute("aria-sort",
      !state.sort || state.sort[0] !== index ? "none" : state.sort[1] > 0 ? "ascending" : "descending"));
    count.textContent = order.length === rows.length ? `${show.int(rows.length)} rows` : `${show.int(order.length)} of ${show.int(rows.length)} rows`;
    pager.replaceChildren(...pagerButtons(state, pages, order.length, page, update));
  }
  update();
  const small = rows.length <= 6 && !always;
  return make("div", { class: "tablebox" }, note && make("p", { class: "hint" }, note), !small && make("div", { class: "bar" }, search, count),
    make("div", { class: "scroll" }, make("table", {}, make("thead", {}, make("tr", {}, heads)), body)), pager);
}

function tableRow(columns, row, link, marked) {
  const target = link && link(row);
  return make("tr", { class: marked ? "marked" : "" }, columns.map((column, index) => {
    const value = row[index];
    let content = column.render ? column.render(value, row) : (show[column.kind] || show.text)(value);
    if (target && column.link) content = make("a", { href: target }, content);
    const long = !column.wide && typeof value === "string" && value.length > 40;
    return make("td", { hidden: column.hidden, class: column.wide ? "wide" : NUMERIC.has(column.kind) ? "right" : "name", title: long ? value : null }, content);
  }));
}

function sortBy(state, index, column) {
  const first = NUMERIC.has(column.kind) ? -1 : 1;
  if (!state.sort || state.sort[0] !== index) state.sort = [index, first];
  else state.sort = state.sort[1] === first ? [index, -first] : null;
  state.page = 0;
}

// Absent values come last whichever way the table is sorted.
function sorted(order, rows, columns, [column, way]) {
  const numeric = NUMERIC.has(columns[column].kind);
  return order.slice().sort((a, b) => {
    const x = rows[a][column], y = rows[b][column];
    if (x === null || y === null) return (x === null) - (y === null) || a - b;
    const by = numeric ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
    return by * way || a - b;
  });
}

function filtered(columns, rows, folded, words) {
  const tests = words.toLowerCase().split(/\s+/).filter(Boolean).map((word) => filterTest(columns, word));
  const order = [];
  for (let index = 0; index < rows.length; index++) {
    if (tests.every((test) => test(rows[index], folded[index]))) order.push(index);
  }
  return order;
}

function filterTest(columns, word) {
  const parts = /^([a-z_][a-z0-9_ /.]*?)(:|<=|>=|<|>|=)(.+)$/.exec(word);
  const column = parts ? columns.findIndex((one) => one.name.toLowerCase() === parts[1] || one.label.toLowerCase() === parts[1]) : -1;
  if (column < 0) return (row, text) => text.includes(word);
  const [, , sign, wanted] = parts;
  if (sign === ":") return (row) => row[column] !== null && String(row[column]).toLowerCase().includes(wanted);
  const number = Number(wanted);
  if (Number.isNaN(number)) return (row) => sign === "=" && String(row[column]).toLowerCase() === wanted;
  const compare = { "<": (x) => x < number, ">": (x) => x > number, "<=": (x) => x <= number, ">=": (x) => x >= number, "=": (x) => x === number };
  return (row) => row[column] !== null && compare[sign](Number(row[column]));
}

function pagerButtons(state, pages, total, page, update) {
  if (pages < 2) return [];
  const go = (to) => () => { state.page = to; update(); };
  const from = state.page * page + 1;
  return [
    make("button", { type: "button", disabled: state.page === 0, onclick: go(state.page - 1) }, "Previous"),
    `${show.int(from)} to ${show.int(Math.min(from + page - 1, total))} of ${show.int(total)}`,
    make("button", { type: "button", disabled: state.page >= pages - 1, onclick: go(state.page + 1) }, "Next"),
  ];
}

// `rate_low` and `rate_high` are drawn in the cell of `rate`, and those of a difference of rates in its cell.
function isBound(name, kind, place) { const base = name.replace(/_(low|high)$/, ""); return base !== name && kind === "share" && place(base) >= 0 && place(`${base}_low`) >= 0 && place(`${base}_high`) >= 0 && (base.endsWith("rate") || base.startsWith("difference")); }

// A share with its 95 % interval: the number, and on a line from 0 to 1 the interval and the point. A difference of shares is in points,
// on a line from -1 to 1 with a mark at 0.
function interval(value, low, high, difference) {
  if (value === null) return DASH;
  const shown = difference ? points(value) : show.share(value);
  if (low === null) return shown;
  const x = difference ? (share) => 40 + share * 38 : (share) => 2 + share * 76;
  const picture = draw("svg", { viewBox: "0 0 80 12", class: "interval", "aria-hidden": "true" },
    draw("line", { x1: 2, x2: 78, y1: 6, y2: 6, class: "axis" }), draw("line", { x1: x(low), x2: Math.max(x(high), x(low) + 1), y1: 6, y2: 6, class: "reach" }),
    difference && draw("line", { x1: 40, x2: 40, y1: 1, y2: 11, class: "axis" }), draw("circle", { cx: x(value), cy: 6, r: 3, class: "point" }));
  const bounds = difference ? `${points(low)} to ${points(high)}` : `${(low * 100).toFixed(1)} to ${(high * 100).toFixed(1)} %`;
  return make("span", { class: "rate", title: `95 % interval ${bounds}` }, `${shown} `, make("span", { class: "hint" }, bounds), picture);
}

function points(share) { return `${share >= 0 ? "+" : "\u2212"}${Math.abs(share * 100).toFixed(1)} points`; }

// A table as the report embeds it: {title, note, columns: [[name, label, kind]], rows}.
function embedded(one) {
  const place = (name) => one.columns.findIndex(([other]) => other === name);
  const columns = one.columns.map(([name, label, kind]) => {
    const low = place(`${name}_low`), high = place(`${name}_high`);
    const bounded = low >= 0 && high >= 0 && kind === "share";
    return { name, label, kind, wide: kind === "wide", ...renderer(kind), ...(bounded ? { render: (value, row) => interval(value, row[low], row[high], name.startsWith("difference")) } : kind === "share" && name.startsWith("difference") ? { render: (value) => (value === null ? DASH : points(value)) } : {}) };
  }).map((column) => ({ ...column, hidden: isBound(column.name, column.kind, place) }));
  const sims = one.rows_of, page = one.rows.length > 40 ? 25 : PAGE;
  return card(one.title, table({ columns, rows: one.rows, note: one.note, link: sims ? (row) => simulationLink(sims[one.rows.indexOf(row)]) : null, page }));
}

function roleOf(word) { return DATA.roles[word] ? word : word.split("_")[0]; }

function renderer(kind) {
  if (kind === "status") return { render: (value) => badge(value) };
  if (kind === "role") return { render: (value) => (value === null ? DASH : [DATA.roles[roleOf(value)] ? swatch(roleOf(value)) : null, DATA.roles[value] || value.replace(/_/g, " ")]) };
  return kind === "task" ? { link: true } : {};
}
